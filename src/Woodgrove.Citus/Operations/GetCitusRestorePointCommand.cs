using System.Management.Automation;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Pipeline;

namespace Woodgrove.Citus.Operations;

/// <summary>Lists the restore points that New-CitusRestorePoint has created.</summary>
[Cmdlet(VerbsCommon.Get, "CitusRestorePoint")]
[OutputType(typeof(RestorePoint))]
public sealed class GetCitusRestorePointCommand : ConnectedCmdlet
{
    /// <summary>Just these; all by default.</summary>
    [Parameter(Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [ArgumentCompleter(typeof(RestorePointCompleter))]
    [SupportsWildcards]
    public string[] Name { get; set; } = ["*"];

    protected override void ProcessRecord()
    {
        CitusConnection cluster = Cluster;
        foreach (string name in Name)
        {
            Func<string, bool>? matches = WildcardPattern.ContainsWildcardCharacters(name)
                ? Wildcard.Parse(name).IsMatch : null;
            RunEach(async (output, stop) =>
            {
                foreach (RestorePoint point in await RestorePoint.FindAsync(cluster, name, matches, stop)) await output.ObjectAsync(point);
            }, name);
        }
    }
}
