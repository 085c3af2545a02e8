export { annotatedOptions } from './annotations.js'
export { type SettingsLayer, SettingsLayers } from './layers.js'
export { routerOf } from './router-of.js'
export { type SetupSecurity, securitySettings } from './setup-security.js'
export {
  type SettingsInput,
  settingsFrom,
  settingsFromEnvironment,
} from './sources.js'
export { SETTINGS, type SettingName, type Settings } from './table.js'
