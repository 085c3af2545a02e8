// In a system's folder, `PORT=8000 node ../serve.mjs web.ts`: serves its web application on loopback.
import { registerTypeScript } from '../packages/lovage/dist/loader/index.js'

await registerTypeScript()
const { serve } = await import('./kit/serve.ts')
process.exit(await serve(process.argv[2]))
