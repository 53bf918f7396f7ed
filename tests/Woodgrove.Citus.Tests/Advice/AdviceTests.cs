using System.Management.Automation;
using System.Security;
using System.Text.RegularExpressions;
using Npgsql;
using Woodgrove.Citus.Tests.Help;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Advice;

/// <summary>The advice of each error is followed as it is printed, and the error is gone.</summary>
public sealed partial class AdviceTests(ClusterFixture cluster) : ClusterTest(cluster)
{
    /// <summary>What the scripts use of modules that the engine of these tests lacks.</summary>
    private const string Utilities = """
        function Set-Content($Path, $Value) { [IO.File]::WriteAllText($Path, "$Value`n") }
        function Add-Content($Path, $Value) { [IO.File]::AppendAllText($Path, "$Value`n") }
        function Copy-Item($Path, $Destination) { [IO.File]::Copy($Path, $Destination) }
        function Select-Object([string[]] $Property, [string[]] $ExcludeProperty, [int] $First) {
            begin { $count = 0 }
            process {
                $count++
                if ($First -and $count -le $First) { return $_ }
                $taken = [ordered]@{}
                foreach ($p in $_.psobject.Properties) {
                    if (('*' -in $Property -or $p.Name -in $Property) -and $p.Name -notin $ExcludeProperty) { $taken[$p.Name] = $p.Value }
                }
                if (-not $First) { [pscustomobject]$taken }
            }
        }
        """;

    public static TheoryData<int, string> Cases
    {
        get
        {
            var data = new TheoryData<int, string>();
            for (int i = 0; i < AdviceCases.All.Count; i++) data.Add(i, $"{AdviceCases.All[i].Id}: {AdviceCases.All[i].Says}");
            return data;
        }
    }

    [Theory, MemberData(nameof(Cases))]
    public void Advice_is_followed_as_printed_and_the_error_is_gone(int number, string what)
    {
        AdviceCase advised = AdviceCases.All[number];
        if (advised.NeedsCitus) Cluster.RequireCitus();
        Cluster.RequireSandbox();
        string name = Cluster.NewName("advised"), file = Path.Combine(Cluster.Folder, name + ".csv");
        string password = File.ReadAllText(new NpgsqlConnectionStringBuilder(Cluster.ConnectionString).Passfile!).Trim().Split(':')[^1];
        string Filled(string text) => text.Replace("{t}", name, StringComparison.Ordinal).Replace("{password}", password,
            StringComparison.Ordinal);
        (Shell["f"], Shell["dir"]) = (file, Directory.CreateDirectory(file + ".d").FullName);
        (Shell["connectionString"], Shell["port"]) = (Cluster.ConnectionString, Cluster.Connection.Get("Port"));
        (Shell["password"], Shell["right"], Shell["wrong"]) = (password, Secure(password), Secure("wrong"));
        Shell["default"] = Shell.Run("Get-CitusConnection | Where-Object IsDefault").Single;
        Shell["programs"] = Environment.GetEnvironmentVariable("WOODGROVE_PG_BIN");
        Shell.Run(Utilities).Succeeded();
        foreach (string sql in Filled(advised.Prepare).Split(";;", StringSplitOptions.RemoveEmptyEntries)) Cluster.Execute(sql);
        string[] variables = ["BROWSER", "PGSERVICEFILE", "WOODGROVE_PG_BIN"];
        string?[] before = [.. variables.Select(Environment.GetEnvironmentVariable)];
        try
        {
            string advice = AdviceOf(Shell.Run(Filled(advised.Fails)), advised.Id, what);
            Match found = Regex.Match(advice, advised.Says, RegexOptions.CultureInvariant);
            Assert.True(found.Success, $"{what} is not in: {advice}");

            RunResult followed = Shell.Run(Filled(Fill(advised.Then, found)));

            Assert.True(followed.Errors.Count == 0,
                $"{found.Value}\n{Fill(advised.Then, found)}\n{string.Join('\n', followed.Errors.Select(e => e.Exception.Message))}");
        }
        finally
        {
            for (int i = 0; i < variables.Length; i++) Environment.SetEnvironmentVariable(variables[i], before[i]);
            Shell.Run($"Get-CitusConnection | Where-Object Name -EQ {name} | Disconnect-CitusCluster");
            Shell.Run("'Set-Content', 'Add-Content', 'Copy-Item', 'Select-Object' | ForEach-Object { "
                + "$ExecutionContext.InvokeProvider.Item.Remove(\"function:$_\", $false) }").Succeeded();
            foreach (string table in new[] { name, $"{name}_b", $"{name}_r" }) Cluster.Execute($"DROP TABLE IF EXISTS {table} CASCADE");
        }
    }

    [Fact]
    public async Task Not_connected_is_told_how_to_connect()
    {
        // In a process of its own: connections belong to the process.
        (int code, string output, string error) = await Pwsh.RunAsync("packaged", $$"""
            try { Get-CitusNode } catch { $advice = $_.Exception.Advice }
            if ($advice -notmatch 'Connect with (?<run>Connect-CitusCluster)') { throw "not told: $advice" }
            $null = & $Matches.run -ConnectionString '{{Cluster.ConnectionString}}'
            (Get-CitusNode).Count
            """);

        Assert.True(code == 0, error + output);
    }

    [Fact]
    public void Every_error_has_its_advice_followed_or_says_why_it_can_t_be()
    {
        string[] ids = [.. System.IO.File.ReadLines(Path.Combine(Pages.Folder, "errors.md"))
            .Where(l => l.StartsWith("| `", StringComparison.Ordinal)).Select(l => l.Split('`')[1]).Order(StringComparer.Ordinal)];
        string[] run = [.. AdviceCases.All.Select(c => c.Id).Distinct()];

        Assert.Equal(ids, run.Concat(AdviceCases.NotRun.Keys).Order(StringComparer.Ordinal));
        Assert.All(AdviceCases.NotRun.Values, Assert.NotEmpty);
        // A reason that names a class of tests names one that is there, and looks at the error.
        foreach ((string id, string reason) in AdviceCases.NotRun.Where(n => FollowedBy().IsMatch(n.Value)))
        {
            Assert.Contains(Directory.EnumerateFiles(Path.Combine(Repository.Root, "tests"),
                FollowedBy().Match(reason).Groups[1].Value + ".cs", SearchOption.AllDirectories),
                f => File.ReadAllText(f).Contains(id, StringComparison.Ordinal));
        }
    }

    /// <summary>What the one error of that id advises.</summary>
    private static string AdviceOf(RunResult run, string id, string what)
    {
        string said = string.Join('\n', run.Errors.Select(e => $"{e.FullyQualifiedErrorId}: {e.Exception.Message}"));
        foreach (ErrorRecord error in run.Errors)
        {
            for (Exception? e = error.Exception; e is not null; e = e.InnerException)
            {
                if (PSObject.AsPSObject(e).Properties["ErrorId"]?.Value is string found && found == id)
                    return (string?)PSObject.AsPSObject(e).Get("Advice") ?? "";
            }
        }
        Assert.Fail($"{id} expected ({what}), but: {said}");
        return "";
    }

    /// <summary>The script with what the advice prints, and with values in place of what stands for them there.</summary>
    private static string Fill(string script, Match found) => Placeholder().Replace(script, m =>
    {
        string printed = found.Groups[m.Groups[1].Value].Value;
        return m.Groups[2].Success ? printed.Replace(m.Groups[2].Value, m.Groups[3].Value, StringComparison.Ordinal) : printed;
    });

    private static SecureString Secure(string text)
    {
        var secure = new SecureString();
        foreach (char c in text) secure.AppendChar(c);
        return secure;
    }

    [GeneratedRegex(@"\{(run|with)(?::([^=}]+)=((?:\{t\}|[^}])+))?\}")]
    private static partial Regex Placeholder();

    [GeneratedRegex(@"^(\w+Tests) follows it")]
    private static partial Regex FollowedBy();
}
