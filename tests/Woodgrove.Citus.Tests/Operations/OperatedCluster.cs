using Woodgrove.Citus.Tests.Hosting;
using Woodgrove.Citus.Tests.Validation;

namespace Woodgrove.Citus.Tests.Operations;

/// <summary>The healthy cluster with tables of few shards, which are moved in seconds.</summary>
public sealed class OperatedCluster(ClusterFixture cluster) : HealthyCluster(cluster)
{
    public override async ValueTask InitializeAsync()
    {
        await base.InitializeAsync();
        if (Nodes.Count == 0) return;
        Coordinator.Run("SELECT alter_distributed_table('payment_users', shard_count := 8, cascade_to_colocated := true)",
            "CALL citus_cleanup_orphaned_resources()", "ANALYZE");
    }
}
