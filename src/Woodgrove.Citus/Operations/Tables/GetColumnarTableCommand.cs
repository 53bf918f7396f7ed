using System.Management.Automation;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Pipeline;
using Woodgrove.Citus.Tables;

namespace Woodgrove.Citus.Operations.Tables;

/// <summary>Lists the columnar tables with how they are written.</summary>
[Cmdlet(VerbsCommon.Get, "ColumnarTable")]
[OutputType(typeof(ColumnarTable))]
public sealed class GetColumnarTableCommand : ConnectedCmdlet
{
    /// <summary>Just these; all by default.</summary>
    [Parameter(Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [ArgumentCompleter(typeof(TableCompleter))]
    public string[] Table { get; set; } = [];

    protected override void ProcessRecord()
    {
        if (IsPiped && Table.Length == 0) return;
        CitusConnection cluster = Cluster;
        Run(async (output, stop) =>
        {
            foreach (ColumnarTable table in await ColumnarTable.ListAsync(cluster, Table, stop)) await output.ObjectAsync(table);
        }, string.Join(", ", Table));
    }
}
