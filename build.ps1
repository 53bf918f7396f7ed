<#
.SYNOPSIS
    Builds, tests and packages Woodgrove.Citus; a few lines over dotnet.
.EXAMPLE
    ./build.ps1
    Builds; Import-Module ./Woodgrove.Citus.psd1 works then.
.EXAMPLE
    ./build.ps1 -Task Test
.EXAMPLE
    ./build.ps1 -Task Package
    Writes out/Woodgrove.Citus.<version>.zip, to unpack into a folder of $env:PSModulePath, and a .nupkg for Install-PSResource.
#>
[CmdletBinding()]
param(
    [ValidateSet('Build', 'Test', 'Package')] [string[]] $Task = 'Build',
    [ValidateSet('Debug', 'Release')] [string] $Configuration = 'Release'
)
Set-StrictMode -Version 3
$ErrorActionPreference = 'Stop'
$manifest = Join-Path $PSScriptRoot Woodgrove.Citus.psd1

function Invoke-Dotnet { & dotnet @args; if ($LASTEXITCODE) { throw "dotnet $args ended with exit code $LASTEXITCODE." } }

function Build { Invoke-Dotnet build (Join-Path $PSScriptRoot Woodgrove.Citus.slnx) --configuration $Configuration }

# The Pester suites are among the tests: PowerShell and Pester come as packages.
function Test { Invoke-Dotnet test (Join-Path $PSScriptRoot Woodgrove.Citus.slnx) --configuration $Configuration }

function Package {
    Invoke-Dotnet build (Join-Path $PSScriptRoot src Woodgrove.Citus Woodgrove.Citus.csproj) --configuration $Configuration
    $data = Import-PowerShellDataFile $manifest
    $out = Join-Path $PSScriptRoot out
    $layout = Join-Path $out Woodgrove.Citus $data.ModuleVersion
    if (Test-Path $layout) { Remove-Item $layout -Recurse }
    $null = New-Item $layout -ItemType Directory
    Copy-Item $manifest, (Join-Path $PSScriptRoot LICENSE), (Join-Path $PSScriptRoot module) $layout -Recurse
    Get-ChildItem $layout -Recurse -Filter *.pdb | Remove-Item

    $zip = Join-Path $out "Woodgrove.Citus.$($data.ModuleVersion).zip"
    if (Test-Path $zip) { Remove-Item $zip }
    [System.IO.Compression.ZipFile]::CreateFromDirectory((Split-Path $layout), $zip, 'Optimal', $true)
    Get-Item $zip

    # What every module gallery takes.
    $cmdlets = $data.CmdletsToExport | ForEach-Object { "PSCmdlet_$_ PSCommand_$_" }
    $tags = @('PSModule', 'PSIncludes_Cmdlet') + $cmdlets + $data.PrivateData.PSData.Tags -join ' '
    $nuspec = @"
<?xml version="1.0" encoding="utf-8"?>
<package xmlns="http://schemas.microsoft.com/packaging/2011/08/nuspec.xsd">
  <metadata>
    <id>Woodgrove.Citus</id>
    <version>$($data.ModuleVersion)</version>
    <authors>$($data.Author)</authors>
    <copyright>$($data.Copyright)</copyright>
    <description>$([System.Security.SecurityElement]::Escape($data.Description))</description>
    <licenseUrl>$($data.PrivateData.PSData.LicenseUri)</licenseUrl>
    <tags>$tags</tags>
  </metadata>
</package>
"@
    $nuspecFile = Join-Path $out Woodgrove.Citus.nuspec
    Set-Content $nuspecFile $nuspec
    Invoke-Dotnet pack (Join-Path $PSScriptRoot src Woodgrove.Citus Woodgrove.Citus.csproj) --configuration $Configuration --no-build --output $out "-p:NuspecFile=$nuspecFile" "-p:NuspecBasePath=$layout" "-p:NoPackageAnalysis=true"
    Remove-Item $nuspecFile
    Get-Item (Join-Path $out "Woodgrove.Citus.$($data.ModuleVersion).nupkg")
}

foreach ($name in $Task) { & $name }
