using System.Management.Automation;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Sql;

namespace Woodgrove.Citus.Tables;

/// <summary>Keeps a full copy of a small table on every node.</summary>
[Cmdlet(VerbsCommon.New, "ReferenceTable", SupportsShouldProcess = true)]
[OutputType(typeof(DistributedTable))]
public sealed class NewReferenceTableCommand : DistributeCommand
{
    private protected override string Action => "Copy to every node as a reference table";

    private protected override string? NotNullColumn => null;

    private protected override TableDistributor Distributor(CitusConnection cluster, TableName table) => new(cluster, table);
}
