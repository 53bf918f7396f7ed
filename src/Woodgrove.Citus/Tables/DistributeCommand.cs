using System.Management.Automation;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Pipeline;
using Woodgrove.Citus.Sql;

namespace Woodgrove.Citus.Tables;

/// <summary>What New-DistributedTable and New-ReferenceTable share.</summary>
public abstract class DistributeCommand : ConnectedCmdlet
{
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [ArgumentCompleter(typeof(TableCompleter))]
    [ValidateNotNullOrEmpty]
    public string Table { get; set; } = "";

    /// <summary>Creates the table first: what CREATE TABLE has in its parentheses.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? Definition { get; set; }

    private protected abstract TableDistributor Distributor(CitusConnection cluster, TableName table);

    private protected abstract string Action { get; }

    protected override void ProcessRecord()
    {
        CitusConnection cluster = Cluster;
        if (!Agree(Table, Action, out bool isTrial)) return;
        Run(async (output, stop) =>
        {
            TableDistributor distributor = Distributor(cluster, TableName.Parse(Table)) with { Definition = Definition,
                Explain = output.Verbose, Warn = output.Warning };
            if (await distributor.RunAsync(isTrial, stop) is { } table) await output.ObjectAsync(table);
        }, Table);
    }
}
