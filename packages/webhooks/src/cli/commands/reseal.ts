import type { Command } from '../shared/command.js'

/** `lovage-webhooks reseal`. */
export const reseal: Command = {
  name: 'reseal',
  summary: 'encrypts again, with the first key of LOVAGE_WEBHOOKS_KEYS, what an older key encrypts',
  forms: [''],
  options: {},
  examples: ['reseal'],
  async run({ hooks, out }) {
    const resealed = await hooks.reseal()
    out.value(
      resealed,
      `${resealed.secrets} secrets and ${resealed.tlsIdentities} TLS identities were encrypted again.`,
    )
    out.say(
      'Keep the older keys for twelve hours: answers of repeated requests are encrypted with them until then.',
    )
    return undefined
  },
}
