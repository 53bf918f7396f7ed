using System.Management.Automation;
using Woodgrove.Citus.Help;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Help;

/// <summary>What Get-Help shows of the cmdlets, and whether it is true.</summary>
public sealed class CmdletHelpTests(ClusterFixture cluster)
{
    public static TheoryData<string> Cmdlets => [.. Pages.CmdletNames];

    [Fact]
    public void Every_cmdlet_has_a_page_and_every_page_a_cmdlet() =>
        Assert.Equal(cluster.Shell.Get("Get-Command -Module Woodgrove.Citus").Select(c => (string)c.Get("Name")!)
            .Order(StringComparer.Ordinal), Pages.CmdletNames);

    [Theory, MemberData(nameof(Cmdlets))]
    public void Get_Help_shows_the_page(string cmdlet)
    {
        CmdletPage page = Pages.Read(cmdlet);
        PSObject help = cluster.Shell.Run($"Get-Help {cmdlet} -Full").Single;

        Assert.Equal(page.Synopsis, help.Get("Synopsis"));
        Assert.NotEmpty(page.Description);
        Assert.All(page.Parameters, p => Assert.NotEmpty(p.Description));
        Assert.NotEmpty(page.Inputs);
        Assert.NotEmpty(page.Outputs);
        Assert.NotEmpty(page.Notes);
        Assert.NotEmpty(page.Links);
        Assert.Equal(page.Examples.Select(e => e.Title),
            cluster.Shell.Get($"(Get-Help {cmdlet} -Full).examples.example.title").Select(t => t.ToString().Trim('-', ' ')));
        Assert.Equal(
            page.Parameters.Select(p => p.Name).Distinct().Order(StringComparer.Ordinal),
            cluster.Shell.Get($"(Get-Help {cmdlet} -Full).parameters.parameter.name").Select(p => p?.ToString()).OfType<string>()
                .Order(StringComparer.Ordinal));
    }

    [Theory, MemberData(nameof(Cmdlets))]
    public void Get_Help_Online_leads_to_the_page(string cmdlet)
    {
        // Get-Help -Online opens the first link that has an address.
        string first = cluster.Shell.Get($"(Get-Help {cmdlet} -Full).relatedLinks.navigationLink.uri").Select(u => u?.ToString())
            .OfType<string>().First(u => u.Length > 0);

        string project = cluster.Shell.Run($"(Get-Module Woodgrove.Citus).ProjectUri.AbsoluteUri").Single.ToString();
        Assert.StartsWith($"{project}/blob/main/", first);
        Assert.Equal($"module/help/{cmdlet}.md", first[$"{project}/blob/main/".Length..]);
        Assert.True(File.Exists(Path.Combine(Repository.Root, "module", "help", cmdlet + ".md")));
    }

    [Theory, MemberData(nameof(Cmdlets))]
    public void It_has_two_examples_or_more(string cmdlet) => Assert.InRange(Pages.Read(cmdlet).Examples.Count, 2, 20);

    [Theory, MemberData(nameof(Cmdlets))]
    public void Its_parameters_are_the_real_ones(string cmdlet)
    {
        var command = (CommandInfo)cluster.Shell.Run($"Get-Command {cmdlet}").Single.BaseObject;
        Dictionary<string, ParameterMetadata> real = command.Parameters.Values
            .Where(p => !Cmdlet.CommonParameters.Contains(p.Name)).ToDictionary(p => p.Name);
        CmdletPage page = Pages.Read(cmdlet);

        Assert.Equal(real.Keys.Order(StringComparer.Ordinal), page.Parameters.Select(p => p.Name).Distinct().Order(StringComparer.Ordinal));
        string[] sets = [.. command.ParameterSets.Select(s => s.Name)];
        Assert.Equal(sets.Length == 1 ? ["(All)"] : sets.Order(StringComparer.Ordinal), page.ParameterSets.Order(StringComparer.Ordinal));
        foreach (ParameterMetadata parameter in real.Values)
        {
            foreach ((string set, ParameterSetMetadata facts) in parameter.ParameterSets)
            {
                ParameterEntry said = page.Parameters.First(p => p.Name == parameter.Name
                    && p.IsIn(set == ParameterAttribute.AllParameterSets ? page.ParameterSets[0] : set));
                Assert.Equal(Facts(parameter, facts), Facts(said));
            }
        }
    }

    private static string Facts(ParameterMetadata parameter, ParameterSetMetadata set)
    {
        Type type = Nullable.GetUnderlyingType(parameter.ParameterType) ?? parameter.ParameterType;
        string pipeline = string.Join(", ",
            new[] { set.ValueFromPipelineByPropertyName ? "ByPropertyName" : null,
                set.ValueFromPipeline ? "ByValue" : null }.OfType<string>());
        return $"-{parameter.Name}: {type.Name}, required {set.IsMandatory}, position {(set.Position < 0 ? "named" : set.Position)}, "
            + $"pipeline {(pipeline.Length > 0 ? $"True ({pipeline})" : "False")}, "
            + $"wildcards {parameter.Attributes.OfType<SupportsWildcardsAttribute>().Any()}, "
            + $"aliases {(parameter.Aliases.Count > 0 ? string.Join(", ", parameter.Aliases) : "none")}, "
            + $"values {string.Join(", ", parameter.Attributes.OfType<ValidateSetAttribute>().SelectMany(a => a.ValidValues).Concat(type.IsEnum ? Enum.GetNames(type) : []))}";
    }

    private static string Facts(ParameterEntry said) =>
        $"-{said.Name}: {said.Type.Split('.')[^1]}, required {said.Required}, position {said.Position}, pipeline {said.PipelineInput}, "
            + $"wildcards {said.Wildcards}, "
        + $"aliases {said.Aliases}, values {string.Join(", ", said.AcceptedValues)}";
}
