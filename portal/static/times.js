// Times beside the server's: how long ago in lists, the reader's own zone elsewhere.
const UNITS = [['day', 86400], ['hour', 3600], ['minute', 60]];
const relative = new Intl.RelativeTimeFormat('en', { numeric: 'auto', style: 'short' });

function ago(then) {
  const seconds = (then - Date.now()) / 1000;
  for (const [unit, size] of UNITS) {
    if (Math.abs(seconds) >= size) return relative.format(Math.round(seconds / size), unit);
  }
  return 'just now';
}

function show() {
  for (const time of document.querySelectorAll('time.ago')) {
    time.title = time.title || time.textContent;
    time.textContent = ago(new Date(time.dateTime));
  }
}
show();
setInterval(show, 30000);

const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
if (zone && zone !== 'UTC') {
  const local = new Intl.DateTimeFormat('en', { hour: '2-digit', minute: '2-digit', hour12: false, weekday: 'short' });
  for (const time of document.querySelectorAll('main time:not(.ago)')) {
    time.after(` (${local.format(new Date(time.dateTime))} here)`);
  }
}
