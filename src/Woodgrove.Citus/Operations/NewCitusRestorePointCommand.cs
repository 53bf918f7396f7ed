using System.Management.Automation;
using Woodgrove.Citus.Connections;

namespace Woodgrove.Citus.Operations;

/// <summary>Creates a restore point on all nodes, and keeps its name with where it is.</summary>
[Cmdlet(VerbsCommon.New, "CitusRestorePoint", SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.Medium)]
[OutputType(typeof(RestorePoint), typeof(ClusterChange))]
public sealed class NewCitusRestorePointCommand : ChangeCmdlet
{
    /// <summary>The name, by which recovery_target_name of each server finds it.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true)]
    [ValidateNotNullOrEmpty]
    public string Name { get; set; } = "";

    /// <summary>What it is made for.</summary>
    [Parameter(Position = 1)]
    public string? Description { get; set; }

    protected override void ProcessRecord()
    {
        CitusConnection cluster = Cluster;
        string name = Name;
        Change((_, stop) => RestorePointPlanner.PlanAsync(cluster, name, Description, stop), async (output, stop) =>
            await output.ObjectAsync((await RestorePoint.ListAsync(cluster, stop)).Single(p => p.Name == name)), name);
    }
}
