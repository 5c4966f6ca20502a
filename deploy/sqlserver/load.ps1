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
    # The month before today's, as the views show it.
    [ValidatePattern('^\d{4}-\d{2}$')] [string] $Period = (Get-Date).AddMonths(-1).ToString('yyyy-MM'),
    [string] $Node = 'D:\evensum\node.toml',
    [string] $Mappings = 'D:\evensum\mappings',
    [string] $Extracts = 'D:\evensum\extracts',
    [string] $Evensum = 'C:\Program Files\Evensum\evensum.exe'
)
$ErrorActionPreference = 'Stop'
$file = Join-Path $Extracts "$Dataset-$Period.txt"
try {
    & bcp "$Database.evensum.$Dataset" out $file -S $Server -T -c -C 65001 -e "$file.errors"
    if ($LASTEXITCODE -ne 0) {
        [Console]::Error.WriteLine("bcp could not export $Dataset from $Server (exit code $LASTEXITCODE)")
        exit 69
    }
    & $Evensum node load --if-changed --dataset $Dataset --period $Period `
        --mapping (Join-Path $Mappings "$Dataset.toml") --config $Node $file
    exit $LASTEXITCODE
}
finally {
    Remove-Item -LiteralPath $file, "$file.errors" -ErrorAction SilentlyContinue
}
