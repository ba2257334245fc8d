// Buttons that copy a value.
if (navigator.clipboard) {
  for (const value of document.querySelectorAll('.copied')) {
    const button = document.createElement('button');
    button.type = 'button';
    button.className = 'quiet inline';
    button.textContent = 'Copy';
    button.addEventListener('click', async () => {
      await navigator.clipboard.writeText(value.textContent);
      button.textContent = 'Copied';
      setTimeout(() => { button.textContent = 'Copy'; }, 2000);
    });
    value.after(button);
  }
}
