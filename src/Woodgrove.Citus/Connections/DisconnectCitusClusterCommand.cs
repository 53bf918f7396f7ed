using System.Management.Automation;
using Woodgrove.Citus.Pipeline;

namespace Woodgrove.Citus.Connections;

/// <summary>Closes a connection, the latest by default.</summary>
[Cmdlet(VerbsCommunications.Disconnect, "CitusCluster")]
public sealed class DisconnectCitusClusterCommand : CitusCmdlet
{
    /// <summary>Which one; the latest by default, and nothing happens where there is none.</summary>
    [Parameter(Position = 0, ValueFromPipeline = true)]
    [ConnectionTransformation]
    [ArgumentCompleter(typeof(ConnectionCompleter))]
    public CitusConnection? Connection { get; set; }

    protected override void ProcessRecord()
    {
        CitusConnection? connection = Connection ?? SessionConnections.All.LastOrDefault();
        if (connection is not null) Run(async (_, _) => await SessionConnections.RemoveAsync(connection));
    }
}
