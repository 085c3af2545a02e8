import type { AddressInfo } from 'node:net'
import { SMTPServer } from 'smtp-server'

/** A mail as it arrived. */
export interface Mail {
  readonly to: readonly string[]
  readonly subject: string
  /** Headers and body, as sent. */
  readonly raw: string
}

/** A mail server on loopback that keeps what it is sent. */
export interface Mailbox {
  /** `smtp://127.0.0.1:port` */
  readonly url: string
  readonly mails: readonly Mail[]
  close(): Promise<void>
}

/** Starts a mail server that speaks SMTP and delivers nothing. */
export async function openMailbox(): Promise<Mailbox> {
  const mails: Mail[] = []
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS'],
    logger: false,
    onData(stream, session, done) {
      const chunks: Buffer[] = []
      stream.on('data', (chunk: Buffer) => chunks.push(chunk))
      stream.once('end', () => {
        const raw = Buffer.concat(chunks).toString()
        const subject = /^Subject: (.*(?:\r\n[ \t].*)*)/im.exec(raw)?.[1]?.replace(/\r\n[ \t]/g, ' ') ?? ''
        mails.push({ to: session.envelope.rcptTo.map(({ address }) => address), subject, raw })
        done()
      })
    },
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  // A listening TCP server has an address object.
  const { port } = server.server.address() as AddressInfo
  return {
    url: `smtp://127.0.0.1:${port}`,
    mails,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  }
}
