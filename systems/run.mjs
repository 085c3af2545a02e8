// Runs the systems' TypeScript without a build step, as `lovage` runs yours.
import { registerTypeScript } from '../packages/lovage/dist/loader/index.js'

await registerTypeScript()
const { main } = await import('./kit/main.ts')
process.exitCode = await main(process.argv.slice(2))
