// node scripts/flag.mjs [on|off]: the switch of the feature.
import { registerTypeScript } from '../../../packages/lovage/dist/loader/index.js'

await registerTypeScript()
const { flag } = await import('./flag.ts')
process.exitCode = await flag(process.argv.slice(2), console.log)
