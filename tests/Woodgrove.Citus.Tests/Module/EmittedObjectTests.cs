using System.Management.Automation;
using System.Reflection;
using Woodgrove.Citus.Tests.Help;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Module;

/// <summary>What Format-List, Export-Csv and ConvertTo-Json make of every type that a cmdlet emits.</summary>
public sealed class EmittedObjectTests(ClusterFixture cluster) : ClusterTest(cluster)
{
    [Fact]
    public void No_property_of_an_emitted_object_shows_as_the_name_of_a_type()
    {
        Type[] types = [.. Shell.Get("Get-Command -Module Woodgrove.Citus -CommandType Cmdlet | ForEach-Object OutputType | "
            + "ForEach-Object Type ")
            .Select(t => t.BaseObject as Type).OfType<Type>().Where(t => t.Namespace!.StartsWith("Woodgrove", StringComparison.Ordinal))];
        Assert.True(types.Length > 20, string.Join(", ", types.Select(t => t.Name)));
        var seen = new HashSet<Type>();
        var bad = new List<string>();
        foreach (Type type in types) Walk(type);
        Assert.Empty(bad);

        void Walk(Type type)
        {
            // A dictionary, and a dialect, have a text of their own for all that is in them.
            if (!seen.Add(type) || type.IsAssignableTo(typeof(System.Collections.IDictionary)) || type.Name == "CsvDialect") return;
            Assert.DoesNotContain("EqualityContract", type.GetProperties().Select(p => p.Name));
            foreach (PropertyInfo property in type.GetProperties(BindingFlags.Public | BindingFlags.Instance).Where(p => p.CanRead))
            {
                Type of = Nullable.GetUnderlyingType(property.PropertyType) ?? property.PropertyType;
                if (of == typeof(string) || of.IsPrimitive || of.IsEnum || of == typeof(object) || of.Namespace == "System") continue;
                MethodInfo text = of.GetMethod(nameof(ToString), Type.EmptyTypes)!;
                if (of.IsInterface || of.IsArray || text.DeclaringType == typeof(object)) bad.Add($"{type.Name}.{property.Name} is a {of}");
                foreach (Type item in of.GetGenericArguments().Append(of)
                    .Where(t => t.Namespace!.StartsWith("Woodgrove", StringComparison.Ordinal)
                        && t is { IsEnum: false, IsGenericType: false })) Walk(item);
            }
        }
    }

    [Fact]
    public void The_help_says_how_enumerations_become_names_in_json()
    {
        string help = File.ReadAllText(Path.Combine(Pages.Folder, "about_Woodgrove_Citus.md"));
        Assert.Contains("| ConvertTo-Json -EnumsAsStrings", help, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Emitted_objects_are_readable_as_csv_lists_and_json()
    {
        string table = Cluster.Distribute("id bigint PRIMARY KEY, note text", "id");
        Cluster.Execute($"INSERT INTO {table} SELECT i, 'x' FROM generate_series(1, 500) i; ANALYZE {table}");
        string csv = Cluster.File("emitted.csv", "id,note\n1001,x\n1002,y\n");
        string query = $"'SELECT note, count(*) FROM {table} GROUP BY note'";
        string[] scripts =
        [
            "Get-CitusConnection", "Get-CitusNode -Size", $"Get-DistributedTable {table}", $"Get-ShardPlacement {table}",
            "Get-Colocation -Size", $"Measure-ShardSkew {table}",
            $"Find-DistributionColumn {table}", $"Test-CitusCsv '{csv}'",
            $"Import-CsvToCitus '{csv}' {table} -Checkpoint 100 -Confirm:$false", "Get-CitusImport", $"Get-CitusQueryPlan {query}",
            $"Get-CitusQueryFragment {query}",
            $"Compare-CitusQueryPlan {query} {query}", "Get-CitusLockWait", "Get-CitusSetting", "Get-CitusCheck", "Test-CitusCluster",
        ];
        // The engine of the other tests has no Export-Csv.
        (int code, string output, string error) = await Pwsh.RunAsync("packaged", $$"""
            $PSStyle.OutputRendering = 'PlainText'
            $null = Connect-CitusCluster -ConnectionString '{{Cluster.ConnectionString}}'
            foreach ($script in @'
            {{string.Join('\n', scripts)}}
            '@.Split("`n")) {
                $objects = & ([scriptblock]::Create($script))
                "### $script"
                $objects | ConvertTo-Csv -NoTypeInformation
                $objects | Format-List * | Out-String -Width 4000
            }
            "### json"
            Get-DistributedTable {{table}} | ConvertTo-Json -EnumsAsStrings -Depth 4 -Compress
            Get-Colocation {{table}} | ConvertTo-Json -EnumsAsStrings -Compress
            """);

        Assert.True(code == 0, error + output);
        foreach (string part in output.Split("### ").Skip(1))
            Assert.True(!TypeNames().IsMatch(part), $"{TypeNames().Match(part).Value} in {part}");
        Assert.Equal(scripts.Length + 2, output.Split("### ").Length);
        Assert.Contains("\"Type\":\"Distributed\"", output, StringComparison.Ordinal);
        Assert.Contains("\"Tables\":[", output, StringComparison.Ordinal);
    }

    private static System.Text.RegularExpressions.Regex TypeNames() =>
        new(@"System\.[A-Z]\w+[\[.`]|`\d\[|\w\[\](?!,)|<>|AnonymousType|EqualityContract|Woodgrove\.Citus\.\w+\.\w+ ",
            System.Text.RegularExpressions.RegexOptions.CultureInvariant);
}
