import { Command } from 'ioredis'

/** Node writes a long string by way of three times its length in new memory. */
const LONG = 16_384

/** A command whose long text is written as bytes. */
export class RedisCommand extends Command {
  override toWritable(socket: object): string | Buffer {
    const written = super.toWritable(socket)
    return typeof written === 'string' && written.length > LONG ? Buffer.from(written) : written
  }
}
