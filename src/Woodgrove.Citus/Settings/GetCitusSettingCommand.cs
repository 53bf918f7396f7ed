using System.Management.Automation;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Pipeline;

namespace Woodgrove.Citus.Settings;

/// <summary>Lists the parameters that matter for a cluster, with their values on all nodes and what suits a workload.</summary>
[Cmdlet(VerbsCommon.Get, "CitusSetting")]
[OutputType(typeof(CitusSetting))]
public sealed class GetCitusSettingCommand : ConnectedCmdlet
{
    [Parameter(Position = 0)]
    [SupportsWildcards]
    [ArgumentCompleter(typeof(SettingCompleter))]
    public string[] Name { get; set; } = ["*"];

    [Parameter(Position = 1)]
    public CitusWorkload Workload { get; set; } = CitusWorkload.Mixed;

    /// <summary>Bytes of memory of the smallest node, where they can't be read from it.</summary>
    [Parameter]
    [ValidateRange(1L << 27, long.MaxValue)]
    public long? Memory { get; set; }

    /// <summary>Cores of the smallest node, where they can't be read from it.</summary>
    [Parameter]
    [ValidateRange(1, 4096)]
    public int? Core { get; set; }

    protected override void ProcessRecord()
    {
        CitusConnection cluster = Cluster;
        WildcardPattern[] patterns = [.. Name.Select(Wildcard.Parse)];
        Run(async (output, stop) =>
        {
            IReadOnlyList<CitusSetting> settings = await CitusSetting.ReadAsync(cluster, Workload, Memory, Core, TimeSpan.FromSeconds(10),
                output.Warning, stop);
            foreach (CitusSetting setting in settings.Where(s => patterns.Any(p => p.IsMatch(s.Name)))) await output.ObjectAsync(setting);
            foreach (string name in Name.Where((n, i) => !WildcardPattern.ContainsWildcardCharacters(n)
                && !settings.Any(s => patterns[i].IsMatch(s.Name))))
                await output.Async(c => c.WriteError(CitusErrorRecord.From(CitusSetting.NotFound(name), name)));
        }, cluster.Name);
    }
}
