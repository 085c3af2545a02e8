// A receiver as a process of its own, to be stopped and continued: tells its port, then each request's webhook-id.
import { createServer } from 'node:http'

const server = createServer((request, response) => {
  request.resume().on('end', () => {
    process.send(String(request.headers['webhook-id']))
    response.writeHead(204).end()
  })
})
server.listen(0, '127.0.0.1', () => process.send(server.address().port))
