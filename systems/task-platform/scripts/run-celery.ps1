# Starts workers of the task platform; run-celery.sh is its twin.
#   .\scripts\run-celery.ps1                                      all queues
#   .\scripts\run-celery.ps1 -WorkerType billing -LogLevel debug
#   .\scripts\run-celery.ps1 -Beat                                with the schedule
#   .\scripts\run-celery.ps1 -Mode production                     four tasks at once, no debug lines
param(
  [ValidateSet('all', 'default', 'billing', 'kyb', 'notifications', 'dead_letter')]
  [string] $WorkerType = 'all',
  [string] $LogLevel = 'info',
  [ValidateSet('development', 'production')]
  [string] $Mode = 'development',
  [switch] $Beat
)
$ErrorActionPreference = 'Stop'
Set-Location (Join-Path $PSScriptRoot '..')
$celery = if ($env:CELERY) { $env:CELERY } else { 'celery' }
$concurrency = if ($Mode -eq 'production') { 4 } else { 1 }
$words = @('-A', 'celery_app', 'worker', "--loglevel=$LogLevel", "--concurrency=$concurrency", "--hostname=$WorkerType@%h")
if ($WorkerType -ne 'all') { $words += @('-Q', $WorkerType) }
if ($Beat) { $words += '--beat' }
& $celery @words
exit $LASTEXITCODE
