export { RemoteControl, type RemoteControlOptions } from './remote-control.js'
