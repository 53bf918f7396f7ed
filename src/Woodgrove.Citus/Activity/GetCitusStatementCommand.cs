using System.Management.Automation;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Pipeline;

namespace Woodgrove.Citus.Activity;

/// <summary>Lists the statements that cost most, with how Citus ran them.</summary>
[Cmdlet(VerbsCommon.Get, "CitusStatement")]
[OutputType(typeof(CitusStatement))]
public sealed class GetCitusStatementCommand : ConnectedCmdlet
{
    protected override void ProcessRecord()
    {
        CitusConnection cluster = Cluster;
        Run(async (output, stop) =>
        {
            foreach (CitusStatement statement in await CitusStatement.ListAsync(cluster, output.Verbose, output.Warning, stop))
                await output.ObjectAsync(statement);
        });
    }
}
