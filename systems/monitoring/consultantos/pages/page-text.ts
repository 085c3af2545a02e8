import { type DefaultTreeAdapterMap, parse } from 'parse5'

type Node = DefaultTreeAdapterMap['node']

const UNSEEN = new Set(['script', 'style', 'noscript', 'template', 'svg', 'head', 'iframe'])
/** What begins a line of its own. */
const BLOCKS = new Set([
  ...[
    'address',
    'article',
    'aside',
    'blockquote',
    'br',
    'dd',
    'div',
    'dl',
    'dt',
    'figure',
    'footer',
    'form',
    'h1',
    'h2',
    'h3',
    'h4',
    'h5',
  ],
  ...[
    'h6',
    'header',
    'hr',
    'li',
    'main',
    'nav',
    'ol',
    'p',
    'pre',
    'section',
    'table',
    'td',
    'th',
    'tr',
    'ul',
  ],
])

/** What a reader sees of a page: a line for each block, without markup, scripts and changes of spacing. */
export function pageText(html: string): string {
  let text = ''
  // By hand instead of by recursion: pages are as deep as their authors like.
  const stack: Node[] = [parse(html)]
  for (let node = stack.pop(); node; node = stack.pop()) {
    if (node.nodeName === '#text' && 'value' in node) text += node.value.replace(/\s+/g, ' ')
    else if (!UNSEEN.has(node.nodeName)) {
      if (BLOCKS.has(node.nodeName)) text += '\n'
      if ('childNodes' in node) for (const child of [...node.childNodes].reverse()) stack.push(child)
    }
  }
  const lines = text.split('\n').map((line) => line.trim())
  return lines.filter((line) => line !== '').join('\n')
}
