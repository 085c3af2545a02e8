// Runs the demo's TypeScript without a build step, as `lovage` runs yours.
import { registerTypeScript } from '../../packages/lovage/dist/loader/index.js'

await registerTypeScript()
await import('./demo.ts')
