using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Module;

/// <summary>PSScriptAnalyzer over all scripts, where it is installed.</summary>
public sealed class AnalyzerTests
{
    public static TheoryData<string> Shells => Pwsh.Shells;

    [Theory, MemberData(nameof(Shells))]
    public async Task PSScriptAnalyzer_finds_nothing(string shell)
    {
        (int code, string output, string error) = await Pwsh.RunAsync(shell,
            $"if (Get-Module PSScriptAnalyzer -ListAvailable) {{ & '{Path.Combine(Repository.Root, "build.ps1")}' -Task Analyze; "
                + $"'analyzed' }}");

        if (code == 0 && output.Length == 0) Assert.Skip("needs PSScriptAnalyzer: Install-PSResource PSScriptAnalyzer");
        Assert.True(code == 0, output + error);
        Assert.Equal("analyzed", output);
    }
}
