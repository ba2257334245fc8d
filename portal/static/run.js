// A run that goes on: asks for what is new, and shows it without taking the reader's place.
const live = document.getElementById('live');
const log = document.getElementById('log');

if (live && log) {
  const news = document.getElementById('news');
  const started = Date.now();
  const ended = Boolean(document.getElementById('progress').dataset.ended);
  const follow = document.createElement('button');
  // Without this script, the way to see what is new.
  const link = document.getElementById('again');
  let next = Number(log.dataset.next);
  let failures = 0;
  let unread = 0;
  let spoken = 0;
  let timer = 0;
  let isAsking = false;

  if (link) link.hidden = true;
  follow.type = 'button';
  follow.className = 'follow';
  follow.hidden = true;
  log.after(follow);
  follow.addEventListener('click', toEnd);

  const atEnd = () => log.scrollHeight - log.scrollTop - log.clientHeight <= 5;
  const selects = () => {
    const selection = document.getSelection();
    return !selection.isCollapsed && log.contains(selection.anchorNode);
  };

  function toEnd() {
    log.scrollTop = log.scrollHeight;
    unread = 0;
    follow.hidden = true;
  }

  log.addEventListener('scroll', () => { if (atEnd()) toEnd(); });

  function append(text) {
    if (!text) return;
    const stays = !atEnd() || selects();
    log.append(text);
    if (!stays) {
      toEnd();
      return;
    }
    unread += text.split('\n').length - 1;
    follow.textContent = `Follow (${unread} new ${unread === 1 ? 'line' : 'lines'})`;
    follow.hidden = false;
  }

  function open(details) {
    return new Set([...details].filter((each) => each.open).map((each) => each.querySelector('.name')?.textContent));
  }

  function redraw(fresh) {
    const kept = open(live.querySelectorAll('details'));
    const node = document.importNode(fresh, true);
    for (const details of node.querySelectorAll('details')) {
      if (kept.has(details.querySelector('.name')?.textContent)) details.open = true;
    }
    // Whoever is in it with the keyboard, or selects in it, is not thrown out.
    if (live.contains(document.activeElement)) return;
    live.replaceChildren(node);
  }

  function speak(text, isLast) {
    if (isLast || Date.now() - spoken > 10000) {
      news.textContent = text;
      spoken = Date.now();
    }
  }

  function pause(isFull) {
    if (isFull) return 0;
    const seconds = (Date.now() - started) / 1000;
    return seconds < 10 ? 500 : seconds < 60 ? 1000 : 2000;
  }

  function again(milliseconds) {
    clearTimeout(timer);
    timer = setTimeout(ask, milliseconds);
  }

  function ask() {
    if (document.hidden || isAsking) return;
    isAsking = true;
    const request = new XMLHttpRequest();
    // Parsed by the browser as a page is: no text of a program is ever read as HTML here.
    request.responseType = 'document';
    request.open('GET', `${live.dataset.url}?log=${next}`);
    request.timeout = 15000;
    request.onload = () => take(request);
    request.onerror = request.ontimeout = lost;
    request.onloadend = () => { isAsking = false; };
    request.send();
  }

  function take(request) {
    if (request.status === 404) {
      news.textContent = 'It is not here any more.';
      return;
    }
    if (request.responseURL.includes('/login')) {
      news.textContent = 'You are not signed in any more. Open this page again to sign in; the run goes on.';
      return;
    }
    const fresh = request.status === 200 && request.response?.getElementById('progress');
    if (!fresh) {
      lost();
      return;
    }
    const part = request.response.getElementById('log');
    if (failures) news.textContent = '';
    failures = 0;
    append(part.textContent);
    if (!ended) redraw(fresh);
    const isNew = Number(part.dataset.next) !== next;
    next = Number(part.dataset.next);
    if (part.dataset.complete) {
      finish(fresh.dataset.state);
      return;
    }
    speak(fresh.dataset.said, false);
    again(pause(isNew && Boolean(fresh.dataset.ended)));
  }

  function finish(state) {
    speak(`The run has ended: ${state}.`, true);
    if (ended) {
      document.getElementById('more')?.remove();
      return;
    }
    // What can be done now is on the page as it is for a run that has ended.
    if (!selects() && !log.contains(document.activeElement)) location.reload();
    else if (link) {
      link.textContent = 'It has ended: show the result';
      link.hidden = false;
    }
  }

  function lost() {
    failures += 1;
    const seconds = Math.min(15, 2 ** (failures - 1)) * (0.8 + 0.4 * Math.random());
    news.textContent = `Connection lost. Trying again in ${Math.ceil(seconds)} s. The run goes on.`;
    again(seconds * 1000);
  }

  document.addEventListener('visibilitychange', () => {
    if (!document.hidden && !log.dataset.complete) again(0);
  });

  const wrap = document.createElement('button');
  wrap.type = 'button';
  wrap.textContent = 'Do not wrap lines';
  wrap.addEventListener('click', () => {
    const isOff = log.classList.toggle('unwrapped');
    wrap.textContent = isOff ? 'Wrap lines' : 'Do not wrap lines';
  });
  document.querySelector('.log .tools').prepend(wrap);

  if (!log.dataset.complete) {
    if (!ended) toEnd();
    again(ended ? 0 : 300);
  }
}
