using Npgsql;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Activity;

/// <summary>A role that is no superuser, with a connection of the module, <c>$bystander</c>, that is not the default.</summary>
internal sealed class Bystander : IDisposable
{
    private readonly ClusterFixture _cluster;

    /// <param name="everywhere">True where the cluster's nodes let the role in too: they take the sandbox's one password.</param>
    public Bystander(ClusterFixture cluster, bool everywhere, string? memberOf = null)
    {
        cluster.RequireSandbox();
        _cluster = cluster;
        Name = cluster.NewName("bystander");
        string password = everywhere
            ? File.ReadLines(Path.Combine((string)cluster.Sandbox!.Get("Path")!, "pgpass")).First().Split(':')[^1] : "its own";
        cluster.Execute($"CREATE ROLE {Name} LOGIN PASSWORD '{password}'{(memberOf is null ? "" : $" IN ROLE {memberOf}")}");
        ConnectionString = new NpgsqlConnectionStringBuilder(cluster.ConnectionString) { Username = Name, Password = password,
            Passfile = null, Pooling = false }.ConnectionString;
        cluster.Shell["text"] = ConnectionString;
        cluster.Shell.Run($"$bystander = Connect-CitusCluster -ConnectionString $text -Name {Name}").Succeeded();
    }

    public string Name { get; }
    public string ConnectionString { get; }

    public void Dispose()
    {
        _cluster.Shell.Run($"Disconnect-CitusCluster {Name}");
        _cluster.Execute($"DROP OWNED BY {Name}");
        _cluster.Execute($"DROP ROLE {Name}");
    }
}
