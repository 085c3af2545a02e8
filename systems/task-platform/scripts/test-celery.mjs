// node scripts/test-celery.mjs: runs test-celery.ts without a build step.
import { registerTypeScript } from '../../../packages/lovage/dist/loader/index.js'

await registerTypeScript()
const { testCelery } = await import('./test-celery.ts')
const { app } = await import('../celery_app.ts')
process.exitCode = await testCelery(console.log)
await app.close()
process.exit()
