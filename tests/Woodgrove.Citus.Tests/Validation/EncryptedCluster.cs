using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Npgsql;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Validation;

/// <summary>
/// A healthy cluster whose nodes know each other by an address outside of 127.0.0.0/8, as nodes on a network do, and
/// speak TLS with a certificate made for the run. The address, one of those set aside for documentation, is given to
/// the loopback device while the tests run, so that nothing leaves the machine.
/// </summary>
public sealed class EncryptedCluster(ClusterFixture cluster) : HealthyCluster(cluster)
{
    private readonly ClusterFixture _cluster = cluster;

    /// <summary>The nodes' address.</summary>
    public string Address { get; private set; } = "";

    /// <summary>Why it could not be made, or null.</summary>
    public string? Obstacle { get; private set; }

    public override async ValueTask InitializeAsync()
    {
        await base.InitializeAsync();
        if (Nodes.Count == 0) return;
        Address = string.Create(CultureInfo.InvariantCulture, $"192.0.2.{1 + (Coordinator.Port % 254)}");
        Obstacle = Ip("add");
        if (Obstacle is not null) return;

        (string certificate, string key) = Certificate();
        foreach (NodeUnderTest node in Nodes)
        {
            Own(node, "server.crt", certificate);
            Own(node, "server.key", key);
            await File.AppendAllTextAsync(Path.Combine(node.Data, "pg_hba.conf"), $"host all all {Address}/32 scram-sha-256\n");
            node.Run($"ALTER SYSTEM SET listen_addresses = '127.0.0.1, {Address}'", "ALTER SYSTEM SET ssl = on",
                "ALTER SYSTEM SET citus.node_conninfo = 'sslmode=require'");
        }
        await File.AppendAllTextAsync(Coordinator.PasswordFile, $"{Address}:*:*:*:{Coordinator.Password}\n");
        foreach (NodeUnderTest node in Nodes) node.Restart();
        Coordinator.Run([MaintenanceDaemon.Await, .. Nodes.Select((node, group) =>
            $"SELECT citus_update_node(nodeid, '{Address}', {node.Port}) FROM pg_dist_node WHERE groupid = {group}"),
            "SELECT start_metadata_sync_to_all_nodes()"]);
        _cluster.Shell["text"] = ConnectionString(Coordinator, "Require");
        _cluster.Shell.Get("$encrypted = Connect-CitusCluster -ConnectionString $text");
    }

    public override async ValueTask DisposeAsync()
    {
        if (Nodes.Count > 0 && Obstacle is null) _cluster.Shell.Run("Disconnect-CitusCluster $encrypted").Succeeded();
        await base.DisposeAsync();
        if (Nodes.Count > 0 && Obstacle is null) Ip("del");
    }

    public string ConnectionString(NodeUnderTest node, string sslMode) =>
        $"Host={Address};Port={node.Port};Database=citus;Username=postgres;Password={node.Password};SSL Mode={sslMode}";

    /// <summary>Whether the connections that the node has from a session of the coordinator are encrypted.</summary>
    public bool[] Encryption(NodeUnderTest node)
    {
        using NpgsqlConnection session = Coordinator.Open();
        new NpgsqlCommand("SELECT count(*) FROM payment_events", session).ExecuteScalar();
        object id = new NpgsqlCommand("SELECT citus_backend_gpid()", session).ExecuteScalar()!;
        return node.Get<bool[]>("SELECT array_agg(DISTINCT s.ssl) FROM pg_stat_ssl s JOIN pg_stat_activity a USING (pid) WHERE "
            + $"a.application_name = 'citus_internal gpid={id}'");
    }

    private static (string Certificate, string Key) Certificate()
    {
        using var key = RSA.Create(2048);
        var request = new CertificateRequest("CN=bank.example", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        using X509Certificate2 certificate = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        return (certificate.ExportCertificatePem(), key.ExportPkcs8PrivateKeyPem());
    }

    /// <summary>Writes a file that is the servers' account's alone.</summary>
    private static void Own(NodeUnderTest node, string name, string text)
    {
        string path = Path.Combine(node.Data, name);
        File.WriteAllText(path, text);
        node.Execute("chmod", "600", path);
        node.Execute("chown", $"--reference={node.Data}", path);
    }

    private string? Ip(string action)
    {
        try
        {
            using Process ip = Process.Start(new ProcessStartInfo("ip", ["addr", action, $"{Address}/32", "dev", "lo"])
                { RedirectStandardError = true })!;
            string said = ip.StandardError.ReadToEnd();
            ip.WaitForExit();
            return ip.ExitCode == 0 ? null : $"needs an address beside 127.0.0.1: ip addr {action} said '{said.Trim()}'";
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            return $"needs an address beside 127.0.0.1: ip does not run here ({e.Message})";
        }
    }
}
