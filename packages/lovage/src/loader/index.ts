export { type AppSource, loadSource, type SourcedApp } from './app-source.js'
export { type AppSpec, appIn, appSpec, type FoundApp, loadApp } from './find-app.js'
export { type Exports, importModules } from './import-module.js'
export { childExecArgv, registerTypeScript } from './typescript/index.js'
