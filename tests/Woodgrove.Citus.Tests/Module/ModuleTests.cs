using System.Collections;
using System.Management.Automation;
using System.Xml.Linq;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Module;

/// <summary>What holds for the module as a whole.</summary>
public sealed class ModuleTests(ClusterFixture cluster) : ClusterTest(cluster)
{
    [Fact]
    public void The_manifest_exports_exactly_the_cmdlets_that_there_are()
    {
        Shell["manifest"] = Repository.Manifest;
        var listed = (Hashtable)Shell.Run("[scriptblock]::Create([IO.File]::ReadAllText($manifest)).Invoke()").Single.BaseObject;
        string[] defined = Types().SelectMany(t => t.GetCustomAttributesData())
            .Where(a => a.AttributeType.FullName == typeof(CmdletAttribute).FullName)
            .Select(a => $"{a.ConstructorArguments[0].Value}-{a.ConstructorArguments[1].Value}").Order().ToArray();

        Assert.Equal(defined, ((object[])listed["CmdletsToExport"]!).Cast<string>().Order());
        Assert.Equal(defined, Commands().Select(c => c.Name).Order());
    }

    [Fact]
    public void Every_verb_is_approved()
    {
        var approved = new[] { typeof(VerbsCommon), typeof(VerbsData), typeof(VerbsLifecycle), typeof(VerbsDiagnostic),
            typeof(VerbsCommunications), typeof(VerbsSecurity), typeof(VerbsOther) }
            .SelectMany(t => t.GetFields()).Select(f => (string)f.GetValue(null)!).ToHashSet();

        Assert.All(Commands(), c => Assert.Contains(c.Verb, approved));
    }

    [Fact]
    public void Every_output_type_of_the_module_has_a_view()
    {
        HashSet<string> viewed = new[] { "Woodgrove.Citus.Format.ps1xml", "Woodgrove.Citus.Lists.Format.ps1xml" }
            .SelectMany(f => XDocument.Load(Path.Combine(Repository.Root, "module", f)).Descendants("TypeName")).Select(t => t.Value)
            .ToHashSet();

        IEnumerable<string> ours = Commands().SelectMany(c => c.OutputType).Select(t => t.Name)
            .Where(n => n.StartsWith("Woodgrove.", StringComparison.Ordinal)).Distinct();

        Assert.NotEmpty(ours);
        Assert.All(ours, n => Assert.Contains(n, viewed));
    }

    [Fact]
    public void Every_view_names_properties_that_its_type_has()
    {
        var types = Types().Concat(Types().First().Assembly.GetReferencedAssemblies().Where(a => a.Name == "Woodgrove.Citus.Core")
            .SelectMany(a => AppDomain.CurrentDomain.GetAssemblies().Where(l => l.GetName().Name == a.Name)).SelectMany(a => a.GetTypes()))
            .Where(t => t.FullName is not null).GroupBy(t => t.FullName!).ToDictionary(g => g.Key, g => g.First());
        foreach (XElement view in XDocument.Load(Path.Combine(Repository.Root, "module", "Woodgrove.Citus.Format.ps1xml"))
            .Descendants("View"))
        {
            string name = view.Descendants("TypeName").First().Value;
            if (!types.TryGetValue(name, out Type? type)) continue;
            Assert.All(view.Descendants("PropertyName"),
                p => Assert.True(type.GetProperty(p.Value) is not null, $"{name} has no {p.Value}"));
        }
    }

    [Fact]
    public void What_cmdlets_that_change_something_would_do_can_be_asked_first()
    {
        string[] changing = ["New", "Remove", "Import", "Start", "Stop", "Move", "Set", "Update"];

        Assert.All(Commands().Where(c => changing.Contains(c.Verb)),
            c => Assert.True(c.Parameters.ContainsKey("WhatIf"), $"{c.Name} has no -WhatIf"));
    }

    [Fact]
    public void The_module_s_assemblies_live_in_a_context_of_their_own()
    {
        Assert.All(AppDomain.CurrentDomain.GetAssemblies().Where(a => a.GetName().Name is "Woodgrove.Citus" or "Woodgrove.Citus.Core"),
            a => Assert.Equal("Woodgrove.Citus", System.Runtime.Loader.AssemblyLoadContext.GetLoadContext(a)!.Name));
        // The tests' own Npgsql and the module's, side by side.
        Assert.Equal(2, AppDomain.CurrentDomain.GetAssemblies().Count(a => a.GetName().Name == "Npgsql"));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Beside_a_module_with_another_Npgsql_both_work(bool otherFirst)
    {
        string text = Cluster.ConnectionString,
            other = $"Import-Module '{Repository.OtherModule}'; Invoke-OtherQuery -ConnectionString '{text}' -Query 'SELECT 40 + 2'";
        string ours = $"$null = Connect-CitusCluster -ConnectionString '{text}'; Invoke-CitusQuery 'SELECT 6 * 7' -As Scalar";

        (int code, string output, string error) = await Repository.RunScriptAsync(otherFirst ? $"{other}; {ours}; {other}"
            : $"{ours}; {other}; {ours}");

        Assert.True(code == 0, error);
        Assert.Equal(otherFirst ? ["9.0.3 42", "42", "9.0.3 42"] : ["42", "9.0.3 42", "42"],
            output.Split('\n', StringSplitOptions.TrimEntries));
    }

    [Fact]
    public async Task It_can_be_imported_again_and_again_in_one_session()
    {
        (int code, string output, string error) = await Repository.RunScriptAsync($$"""
            function State { "$((Get-Command -Module Woodgrove.Citus).Count) $([System.Runtime.Loader.AssemblyLoadContext]::GetLoadContext((Get-Command Get-CitusNode).ImplementingType.Assembly).Name)" }
            State
            Import-Module '{{Repository.Manifest}}' -Force; State
            & { Import-Module '{{Repository.Manifest}}' -Force; State }
            Remove-Module Woodgrove.Citus
            Import-Module '{{Repository.Manifest}}'; State
            """);

        Assert.True(code == 0, error);
        Assert.Equal(Enumerable.Repeat($"{Commands().Count} Woodgrove.Citus", 4), output.Split('\n', StringSplitOptions.TrimEntries));
    }

    [Fact]
    public void Objects_are_shown_by_their_views()
    {
        string table = Cluster.Distribute("user_id bigint", "user_id");

        string screen = Shell.Run($"Get-DistributedTable {table} | Out-Default").Succeeded().Screen;

        Assert.Contains("user_id", screen, StringComparison.Ordinal);
        Assert.Contains(table, screen, StringComparison.Ordinal);
        Assert.DoesNotContain("AccessMethod", screen, StringComparison.Ordinal);
    }

    private List<CmdletInfo> Commands() => Shell.Get("Get-Command -Module Woodgrove.Citus").Select(c => (CmdletInfo)c.BaseObject).ToList();

    private List<Type> Types() => [.. Commands().First().ImplementingType.Assembly.GetExportedTypes()];
}
