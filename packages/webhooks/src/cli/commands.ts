import { deliveries } from './commands/deliveries.js'
import { endpoints } from './commands/endpoints.js'
import { keys } from './commands/keys.js'
import { portal } from './commands/portal.js'
import { replay } from './commands/replay.js'
import { reseal } from './commands/reseal.js'
import { send } from './commands/send.js'
import { serve } from './commands/serve.js'
import type { Command } from './shared/command.js'

/** The commands, in the order of the help. */
export const COMMANDS: readonly Command[] = [serve, endpoints, send, deliveries, replay, keys, portal, reseal]
