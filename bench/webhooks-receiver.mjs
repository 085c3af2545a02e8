// A receiver in a process of its own: answers 204 to all, but to `/hang/…`, which it never answers. Tells its port. On a message it tells at
// which times (milliseconds since 1970) each event arrived first at each path, and forgets them.
import { createServer } from 'node:http'

const arrivals = new Map()
const server = createServer((request, response) => {
  request.resume().on('end', () => {
    if (request.url.startsWith('/hang')) return
    response.writeHead(204).end()
    if (!request.url.startsWith('/timed')) return
    const key = `${request.url} ${request.headers['webhook-id']}`
    if (!arrivals.has(key)) arrivals.set(key, performance.timeOrigin + performance.now())
  })
})
server.keepAliveTimeout = 60_000
server.listen(0, '127.0.0.1', () => process.send(server.address().port))
process.on('message', () => {
  process.send([...arrivals])
  arrivals.clear()
})
process.on('disconnect', () => process.exit())
