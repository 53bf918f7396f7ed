using System.Management.Automation;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Errors;

namespace Woodgrove.Citus.Pipeline;

/// <summary>A cmdlet that works on a cluster.</summary>
public abstract class ConnectedCmdlet : CitusCmdlet
{
    /// <summary>The cluster to work on: an object from Connect-CitusCluster or its name; the latest by default.</summary>
    [Parameter]
    [ConnectionTransformation]
    [ArgumentCompleter(typeof(ConnectionCompleter))]
    [ValidateNotNull]
    public CitusConnection? Connection { get; set; }

    // Before anything of the pipeline is bound.
    protected override void BeginProcessing() =>
        IsPiped = MyInvocation.ExpectingInput && !MyInvocation.BoundParameters.ContainsKey("Table");

    /// <summary>True where tables come by the pipeline: an empty one stands for no table, not for all.</summary>
    private protected bool IsPiped { get; private set; }

    /// <summary>The connection asked for, or the latest.</summary>
    private protected CitusConnection Cluster
    {
        get
        {
            try
            {
                return Connection ?? SessionConnections.Latest();
            }
            catch (CitusException e)
            {
                ThrowTerminatingError(CitusErrorRecord.From(e, null));
                throw;
            }
        }
    }
}
