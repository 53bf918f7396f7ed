# What build.ps1 -Task Analyze holds every script of the repository to: all rules but these.
@{
    ExcludeRules = @(
        # Files are UTF-8 without a byte order mark: the module needs PowerShell 7, which reads them so.
        'PSUseBOMForUnicodeEncodedFile'
        # It does not look into functions and script blocks, where a script's parameters are used.
        'PSReviewUnusedParameter'
    )
    Rules        = @{
        # The order of these says what each argument is.
        PSAvoidUsingPositionalParameters = @{ CommandAllowList = @('Join-Path', 'Invoke-Dotnet', 'Report', 'Assert-CitusTable', 'Get-CitusVerdict') }
    }
}
