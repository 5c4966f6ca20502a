<#
.SYNOPSIS
  Exports one of the node's views with bcp and stages it with `evensum node load --if-changed`.

.EXAMPLE
  .\load.ps1 -Server sqlserver01 -Database Warehouse -Dataset rtt_open_pathway

.NOTES
  Exit codes: 0 staged or unchanged; 64 configuration or mapping; 65 data that cannot be used; 69 the database is not
  there. The export is deleted whatever happens: it holds identifiers, and the staged extract does not.
#>
[CmdletBinding()]
param(
    [Parameter(Mandatory = $true)] [string] $Server,
    [Parameter(Mandatory = $true)] [string] $Database,
    [Parameter(Mandatory = $true)] [ValidatePattern('^[a-z0-9_]+$')] [string] $Dataset,
    [string] $Node = 'D:\evensum\node.toml',
    [string] $Mappings = 'D:\evensum\mappings',
    [string] $Extracts = 'D:\evensum\extracts',
    [string] $Evensum = 'C:\Program Files\Evensum\evensum.exe'
)
$ErrorActionPreference = 'Stop'
$file = Join-Path $Extracts "$Dataset.txt"
$month = Join-Path $Extracts "$Dataset.month"

# The month that the views show (01-schema.sql), such as 2026-10: the period is theirs, and nobody types it.
function Get-ReportingMonth {
    $query = "SELECT CONVERT(char(7), first_day, 126) FROM [$Database].evensum.reporting_month"
    # What bcp says on the way is no part of the month.
    & bcp $query queryout $month -S $Server -T -c | Out-Null
    if ($LASTEXITCODE -ne 0) {
        [Console]::Error.WriteLine("bcp could not ask $Server for the reporting month (exit code $LASTEXITCODE)")
        exit 69
    }
    $shown = (Get-Content -LiteralPath $month -Raw).Trim()
    if ($shown -notmatch '^\d{4}-\d{2}$') {
        [Console]::Error.WriteLine('evensum.reporting_month is not one month: run 01-schema.sql again')
        exit 64
    }
    $shown
}

try {
    $period = Get-ReportingMonth
    & bcp "$Database.evensum.$Dataset" out $file -S $Server -T -c -C 65001 -e "$file.errors"
    if ($LASTEXITCODE -ne 0) {
        [Console]::Error.WriteLine("bcp could not export $Dataset from $Server (exit code $LASTEXITCODE)")
        exit 69
    }
    # Midnight may have gone by, and with it the month.
    if ((Get-ReportingMonth) -ne $period) {
        [Console]::Error.WriteLine('the reporting month changed during the export: run this again')
        exit 69
    }
    & $Evensum node load --if-changed --dataset $Dataset --period $period `
        --mapping (Join-Path $Mappings "$Dataset.toml") --config $Node $file
    exit $LASTEXITCODE
}
finally {
    Remove-Item -LiteralPath $file, "$file.errors", $month -ErrorAction SilentlyContinue
}
