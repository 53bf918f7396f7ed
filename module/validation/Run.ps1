# What Invoke-CitusValidation runs, with Pester 5 or later loaded.
param([hashtable] $Data, [string[]] $Path, [string[]] $Tag, [string] $OutputFile, [string] $Output)
$own = if ($Path) { New-PesterContainer -Path $Path }
$configuration = New-PesterConfiguration
$configuration.Run.Container = @(New-PesterContainer -Path "$PSScriptRoot/Citus.Tests.ps1" -Data $Data) + @($own)
$configuration.Run.PassThru = $true
$configuration.Output.Verbosity = $Output
if ($Tag) { $configuration.Filter.Tag = $Tag }
if ($OutputFile) {
    $configuration.TestResult.Enabled = $true
    $configuration.TestResult.OutputPath = $OutputFile
}
Invoke-Pester -Configuration $configuration
