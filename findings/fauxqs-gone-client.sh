#!/usr/bin/env bash
# fauxqs 1.9.2 with @aws-sdk/client-sqs 3.1175.0 on Node 20.20.2, seen on 2026-11-30.
#
# An emulator of SQS for tests. A ReceiveMessage that waits (WaitTimeSeconds) and whose client has closed the connection still takes the next
# message: nobody receives it, and it is in flight for its whole visibility timeout. A test that stops one consumer and starts another loses
# sight of a message for as long. And PutObject answers 500 to an empty object when the request has no Content-Type.
#
# Output:
#   after the client has gone: visible 0, in flight 1
#   empty object: 500, one byte: 200
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund fauxqs@1.9.2 @aws-sdk/client-sqs@3.1175.0
cat >look.mjs <<'JS'
import {
  CreateQueueCommand, GetQueueAttributesCommand, ReceiveMessageCommand, SendMessageCommand, SQSClient,
} from '@aws-sdk/client-sqs'
import { startFauxqs } from 'fauxqs'
const server = await startFauxqs({ port: 0, host: '127.0.0.1', logger: false })
const endpoint = `http://127.0.0.1:${server.port}`
const client = new SQSClient({ endpoint, region: 'us-east-1', credentials: { accessKeyId: 'a', secretAccessKey: 'b' } })
const { QueueUrl } = await client.send(new CreateQueueCommand({ QueueName: 'q' }))
const gone = new AbortController()
const waiting = client.send(new ReceiveMessageCommand({ QueueUrl, WaitTimeSeconds: 20 }), { abortSignal: gone.signal })
setTimeout(() => gone.abort(), 300)
await waiting.catch(() => {})
// The connection is closed long before the message comes.
await new Promise((resolve) => setTimeout(resolve, 1000))
await client.send(new SendMessageCommand({ QueueUrl, MessageBody: 'x' }))
const { Attributes } = await client.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['All'] }))
const { ApproximateNumberOfMessages: visible, ApproximateNumberOfMessagesNotVisible: held } = Attributes
console.log(`after the client has gone: visible ${visible}, in flight ${held}`)
server.createBucket('b')
const put = async (body) => (await fetch(`${endpoint}/b/key`, { method: 'PUT', body: Buffer.from(body) })).status
console.log(`empty object: ${await put('')}, one byte: ${await put('1')}`)
client.destroy()
await server.stop()
JS
node look.mjs 2>/dev/null | tee out.txt
diff out.txt - <<'EXPECTED'
after the client has gone: visible 0, in flight 1
empty object: 500, one byte: 200
EXPECTED
