import { app, greet } from './tasks.js'

const result = await greet.delay('world') // greet.delay(42) does not compile
console.log(await result.get({ timeout: 10 }))
await app.close()
