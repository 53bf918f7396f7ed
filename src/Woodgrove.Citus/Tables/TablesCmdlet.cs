using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Pipeline;

namespace Woodgrove.Citus.Tables;

/// <summary>A cmdlet about several tables at once: it gathers those that come by the pipeline, and runs at the end.</summary>
public abstract class TablesCmdlet : ConnectedCmdlet
{
    private readonly List<string> _named = [];

    /// <summary>Names and patterns; none stands for all.</summary>
    public abstract string[] Table { get; set; }

    /// <summary>Which tables a pattern can stand for.</summary>
    private protected virtual bool CanBe(ListedTable table) => true;

    /// <param name="tables">Their names; none where all are meant.</param>
    private protected abstract Task RunAsync(CitusConnection cluster, IReadOnlyList<string> tables, CmdletOutput output,
        CancellationToken stop);

    protected sealed override void ProcessRecord() => _named.AddRange(Table);

    protected sealed override void EndProcessing()
    {
        if (IsPiped && _named.Count == 0) return;
        CitusConnection cluster = Cluster;
        Run(async (output, stop) =>
        {
            if (await TablePattern.ExpandAsync(cluster, _named, stop, CanBe) is { } tables) await RunAsync(cluster, tables, output, stop);
        }, string.Join(", ", _named));
    }
}
