// Live updates and shortcuts. Every page works without this script.
;(() => {
  const main = document.querySelector('main')
  const button = document.querySelector('button.live')
  const told = document.querySelector('#told')
  const EVERY_MS = 2_000
  let isPaused = false
  let isWaiting = false
  let lastMs = 0

  /** Whether the user is in the middle of something that a page update would disturb. */
  const isBusy = () =>
    document.hidden ||
    document.querySelector('main input:checked, main details.edit[open]') !== null ||
    document.activeElement?.matches('main input, main select, main textarea') ||
    String(getSelection() ?? '') !== ''

  /** The focused link or button, to be found again in the new page. */
  const focusOf = () => {
    const at = document.activeElement
    if (!at || !main?.contains(at)) return undefined
    const like = [...main.querySelectorAll(at.tagName)]
    const same = (one) =>
      one.getAttribute('href') === at.getAttribute('href') && one.textContent === at.textContent
    return {
      tag: at.tagName,
      place: like.filter(same).indexOf(at),
      href: at.getAttribute('href'),
      text: at.textContent,
    }
  }

  const refresh = async () => {
    if (isPaused || isBusy() || !main) return
    lastMs = Date.now()
    const response = await fetch(location.href, { headers: { accept: 'text/html' } }).catch(() => undefined)
    // The session has ended: the page itself leads to signing in, and back.
    if (response?.status === 401) location.reload()
    if (!response?.ok) return
    const fresh = new DOMParser().parseFromString(await response.text(), 'text/html').querySelector('main')
    if (!fresh || isPaused || isBusy()) return
    const focus = focusOf()
    const open = new Set([...main.querySelectorAll('details[open] > summary')].map((one) => one.textContent))
    const scrolled = [...main.querySelectorAll('.scroll, pre')].map((one) => [one.scrollLeft, one.scrollTop])
    for (const summary of fresh.querySelectorAll('details > summary'))
      if (open.has(summary.textContent)) summary.parentElement.setAttribute('open', '')
    // The outcome of an action stays, the same element, until its reader leaves the page.
    fresh.querySelector('.said')?.remove()
    const said = main.querySelector('.said')
    for (const node of [...main.childNodes]) if (node !== said) node.remove()
    main.append(...fresh.childNodes)
    ;[...main.querySelectorAll('.scroll, pre')].forEach((one, place) => {
      const [left, top] = scrolled[place] ?? [0, 0]
      one.scrollLeft = left
      one.scrollTop = top
    })
    if (focus) {
      const like = [...main.querySelectorAll(focus.tag)].filter(
        (one) => one.getAttribute('href') === focus.href && one.textContent === focus.text,
      )
      ;(like[focus.place] ?? like[0])?.focus({ preventScroll: true })
    }
    const stuck = main.querySelectorAll('.stuck li, .troubles li').length
    const sentence = stuck === 0 ? '' : `${stuck} things need attention.`
    if (told && told.textContent !== sentence) told.textContent = sentence
  }

  /** At most one update in two seconds; changes in between wait for the next. */
  const soon = () => {
    if (isWaiting) return
    isWaiting = true
    setTimeout(
      () => {
        isWaiting = false
        void refresh()
      },
      Math.max(0, lastMs + EVERY_MS - Date.now()),
    )
  }

  // On a phone the menu is wider than the screen.
  const current = document.querySelector('.menu [aria-current]')
  if (current) current.parentElement.scrollLeft = current.offsetLeft - current.parentElement.clientWidth / 2

  const live = document.body.dataset.live
  if (live && button) {
    button.hidden = false
    new EventSource(live).addEventListener('change', soon)
    document.addEventListener('visibilitychange', soon)
    button.addEventListener('click', () => {
      isPaused = !isPaused
      button.setAttribute('aria-pressed', String(!isPaused))
      button.textContent = isPaused ? 'Paused' : 'Live'
      if (!isPaused) void refresh()
    })
  }

  document.addEventListener('submit', (event) => {
    const question = event.submitter?.dataset.confirm ?? event.target.dataset.confirm
    if (question && !confirm(question)) event.preventDefault()
  })
  document.addEventListener('keydown', (event) => {
    const isTyping = event.target.closest?.('input, textarea, select')
    if (event.key === '/' && !isTyping && !event.ctrlKey && !event.metaKey) {
      event.preventDefault()
      document.querySelector('header input[type=search]')?.focus()
    }
  })
})()
