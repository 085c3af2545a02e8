import { createInterface } from 'node:readline/promises'
import type { Broker } from '../../broker/index.js'
import { driverOf } from '../../drivers/index.js'
import { CapabilityError, ConfigurationError, counted } from '../../kernel/index.js'
import type { GlobalOptions } from '../shared/open-app.js'
import { explain } from '../shared/say.js'
import { useApp } from '../shared/use-app.js'

interface AmqpCommand {
  readonly usage: string
  readonly run: (broker: Broker, words: readonly string[]) => Promise<string>
}

const TYPES = ['direct', 'topic', 'fanout'] as const

const COMMANDS: Readonly<Record<string, AmqpCommand>> = {
  'queue.declare': {
    usage: 'queue.declare QUEUE [EXCHANGE [TYPE [ROUTING_KEY]]]',
    async run(broker, [name, exchange, type, routingKey]) {
      const exchangeType = TYPES.find((one) => one === (type ?? 'direct'))
      if (!exchangeType) throw usage(`The type of an exchange must be one of ${TYPES.join(', ')}.`)
      const bound = exchange === undefined ? {} : { exchange, exchangeType }
      await broker.declare([
        { name: needed(name), ...bound, ...(routingKey === undefined ? {} : { routingKey }) },
      ])
      return 'ok.'
    },
  },
  'queue.depth': {
    usage: 'queue.depth QUEUE',
    async run(broker, [name]) {
      const depth = (await broker.depths([needed(name)])).get(needed(name))
      return `ready ${depth?.ready ?? 0}, delayed ${depth?.delayed ?? '?'}, unacked ${depth?.unacked ?? '?'}`
    },
  },
  'queue.purge': {
    usage: 'queue.purge QUEUE',
    run: async (broker, [name]) => `ok. ${counted(await broker.purge(needed(name)), 'message')} removed.`,
  },
  'basic.publish': {
    usage: 'basic.publish BODY EXCHANGE ROUTING_KEY',
    async run(broker, [body, exchange, routingKey]) {
      await broker.publish([
        {
          headers: {},
          body: needed(body),
          contentType: 'application/json',
          contentEncoding: 'utf-8',
          properties: { correlationId: null, replyTo: null, deliveryMode: 2 },
          exchange: exchange ?? '',
          routingKey: needed(routingKey),
        },
      ])
      return 'ok.'
    },
  },
}

/** Runs one command, or a prompt, on an AMQP broker. */
export async function amqp(words: readonly string[], options: GlobalOptions): Promise<void> {
  await useApp(options, 'settings', async ({ core }) => {
    if (driverOf(core.brokerUrl)?.protocol !== 'amqp') {
      throw new CapabilityError(`The broker ${(await core.broker()).location} does not speak AMQP.`, {
        code: 'LVG_CAPABILITY_MISSING',
        hint: 'Show its queues with `lovage queues` and `lovage list bindings`; empty them with `lovage purge`.',
      })
    }
    const broker = await core.broker()
    if (words.length > 0) return console.log(await obey(broker, words))
    const terminal = createInterface({ input: process.stdin, output: process.stdout, prompt: 'amqp> ' })
    terminal.prompt()
    for await (const line of terminal) {
      const typed = line.trim().split(/\s+/).filter(Boolean)
      if (typed[0] === 'exit' || typed[0] === 'quit') break
      try {
        if (typed.length > 0) console.log(await obey(broker, typed))
      } catch (error) {
        explain(error)
      }
      terminal.prompt()
    }
    terminal.close()
  })
}

async function obey(broker: Broker, [name = '', ...words]: readonly string[]): Promise<string> {
  const usages = Object.values(COMMANDS).map(({ usage: text }) => `  ${text}`)
  if (name === 'help') return usages.join('\n')
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined
  if (!command) throw usage(`Unknown command ${name}.`)
  return command.run(broker, words)
}

function needed(word: string | undefined): string {
  if (word === undefined || word === '') throw usage('An argument is missing.')
  return word
}

const usage = (sentence: string): ConfigurationError =>
  new ConfigurationError(sentence, {
    code: 'LVG_USAGE',
    hint: `Commands: ${Object.values(COMMANDS)
      .map(({ usage: text }) => text)
      .join('; ')}.`,
  })
