// Forms: an order is sent once, and what is wrong is where the reader is.
for (const form of document.querySelectorAll('form.once')) {
  form.addEventListener('submit', (event) => {
    if (form.dataset.sent) {
      event.preventDefault();
      return;
    }
    form.dataset.sent = 'yes';
    event.submitter?.setAttribute('aria-disabled', 'true');
  });
}
// Back from the next page, the form is as it was and may be sent again.
window.addEventListener('pageshow', () => {
  for (const form of document.querySelectorAll('form.once')) {
    delete form.dataset.sent;
    form.querySelector('[aria-disabled]')?.removeAttribute('aria-disabled');
  }
});
document.querySelector('.error-summary')?.focus();
