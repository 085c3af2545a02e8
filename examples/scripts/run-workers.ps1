# Starts workers of an app; run-workers.sh is its twin.
#   $env:APP = './tasks.ts'; .\run-workers.ps1                   all queues of the app
#   .\run-workers.ps1 -WorkerType billing -LogLevel debug        one queue
#   .\run-workers.ps1 -Beat                                      with the schedule
#   .\run-workers.ps1 -Development                               one task at a time, debug lines
param(
  [string] $WorkerType = 'all',
  [string] $LogLevel = 'info',
  [switch] $Beat,
  [switch] $Development
)
$ErrorActionPreference = 'Stop'
$app = if ($env:APP) { $env:APP } else { 'tasks.ts' }
if ($Development) { $LogLevel = 'debug' }
$words = @('-A', $app, 'worker', '-n', "$WorkerType@%h", '-l', $LogLevel)
if ($WorkerType -ne 'all') { $words += @('-Q', $WorkerType) }
if ($Beat) { $words += '-B' }
if ($Development) { $words += @('-P', 'solo') }
& npx lovage @words
exit $LASTEXITCODE
