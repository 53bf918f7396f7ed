using System.Buffers.Binary;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Npgsql;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Errors;

namespace Woodgrove.Citus.Core.Tests.Connections;

/// <summary>How sessions to nodes are opened, and which node a session counts as.</summary>
public sealed class NodeSessionsTests
{
    private static readonly NodeName Worker = new("private-w1", 5432);

    [Fact]
    public async Task A_load_balanced_port_is_one_of_the_servers_own_host_with_its_TLS()
    {
        NpgsqlConnectionStringBuilder settings = new ConnectionRequest { Server = "bank.postgres.database.azure.com", UserName = "lead" }
            .Resolve(out bool byHost);
        settings.Options = "-c work_mem=64MB";
        await using var nodes = new NodeSessions(settings, byHost, null, 7432);

        NpgsqlConnectionStringBuilder balanced = nodes.BalancedSettings(7432), direct = nodes.AddressSettings(Worker);

        Assert.Equal(("bank.postgres.database.azure.com", 7432, SslMode.VerifyFull), (balanced.Host, balanced.Port, balanced.SslMode));
        Assert.Equal((5, 15), (balanced.Timeout, direct.Timeout)); // a frozen node is not to take all the time of a search
        Assert.Equal("-c work_mem=64MB -c client_connection_check_interval=1s", balanced.Options);
        Assert.Equal(("private-w1", 5432, SslMode.VerifyFull), (direct.Host, direct.Port, direct.SslMode));
    }

    [Theory]
    // The server's mode by default, and what each address needs by itself.
    [InlineData("bank.postgres.database.azure.com", null, "10.0.0.5", SslMode.VerifyFull)]
    [InlineData("bank.postgres.database.azure.com", null, "127.0.0.1", SslMode.VerifyFull)]
    [InlineData("citus.example", null, "10.0.0.5", SslMode.Require)]
    [InlineData("citus.example", null, "localhost", SslMode.Require)]
    [InlineData("localhost", null, "10.0.0.5", SslMode.Require)]
    [InlineData("localhost", null, "w1.postgres.cosmos.azure.com", SslMode.VerifyFull)]
    [InlineData("localhost", null, "127.0.0.1", SslMode.Prefer)]
    // A mode that the user chose holds everywhere.
    [InlineData("bank.postgres.database.azure.com", SslMode.Require, "10.0.0.5", SslMode.Require)]
    [InlineData("localhost", SslMode.VerifyCA, "w1.postgres.cosmos.azure.com", SslMode.VerifyCA)]
    [InlineData("citus.example", SslMode.Disable, "10.0.0.5", SslMode.Disable)]
    public async Task A_nodes_address_is_verified_no_less_than_the_server_is(string server, SslMode? chosen, string node, SslMode expected)
    {
        NpgsqlConnectionStringBuilder settings = new ConnectionRequest { Server = server, SslMode = chosen, UserName = "lead" }
            .Resolve(out bool byHost);
        await using var nodes = new NodeSessions(settings, byHost, null, null);

        Assert.Equal(expected, nodes.AddressSettings(new NodeName(node, 5432)).SslMode);
    }

    [Fact]
    public async Task A_server_whose_certificate_is_not_the_nodes_is_told_nothing_and_the_error_says_what_to_do()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        using var end = new CancellationTokenSource();
        Task<int> impostor = PresentCertificateAsync(listener, end.Token);
        NpgsqlConnectionStringBuilder settings = new ConnectionRequest
            { Server = "bank.postgres.database.azure.com", UserName = "lead", Password = "secret" }.Resolve(out bool byHost);
        await using var nodes = new NodeSessions(settings, byHost, null, null);
        var address = new NodeName("127.0.0.1", ((IPEndPoint)listener.LocalEndpoint).Port);

        NpgsqlException failure = await Assert.ThrowsAsync<NpgsqlException>(
            () => nodes.OpenAsync(Worker, address, TestContext.Current.CancellationToken));

        CitusException told = PostgresErrors.Describe(failure);
        Assert.Equal("CitusConnectionFailed", told.ErrorId);
        Assert.Contains($"certificate of node {address} could not be verified (VerifyFull)", told.What, StringComparison.Ordinal);
        Assert.All(new[] { "-NodeAddress", "-LoadBalancedPort", "-SslMode Require" },
            way => Assert.Contains(way, told.Advice!, StringComparison.Ordinal));
        Assert.Equal(told.Advice!.TrimEnd('.'), ConnectionErrors.ReachAdvice(hasLoadBalancedPort: false, failure));
        await end.CancelAsync();
        Assert.Equal(0, await impostor);
    }

    [Fact]
    public void A_session_is_a_nodes_only_if_its_server_says_so()
    {
        var there = new NodeIdentity(1, Worker, Nodes: 3, IsInRecovery: false);
        var coordinator = new NodeIdentity(0, null, Nodes: 2, IsInRecovery: false); // its cluster does not list it

        Assert.True(there.Is(Worker));
        Assert.False(there.Is(new NodeName("private-w2", 5432)));
        Assert.False(there.Is(null));
        Assert.True(coordinator.Is(null));
        // A standby, and a node without the cluster's metadata, whose group is 0 too.
        Assert.False((there with { IsInRecovery = true }).Is(Worker));
        Assert.False((coordinator with { Nodes = 0 }).Is(null));
    }

    [Fact]
    public void Addresses_of_a_cmdlet_come_before_those_of_its_connection()
    {
        var connection = new NodeAddresses(new Dictionary<string, string> { ["w1"] = "a", ["w2:5432"] = "b:6432", ["w3"] = "c" });
        NodeAddresses both = connection.With(new Dictionary<string, string> { ["w1:5432"] = "d", ["w2"] = "e" });

        Assert.Equal(["d:5432", "e:5432", "c:5432", "w4:5432"],
            new[] { "w1", "w2", "w3", "w4" }.Select(n => both.Resolve(new NodeName(n, 5432)).ToString()));
        Assert.Equal("b:6432", connection.Resolve(new NodeName("w2", 5432)).ToString());
    }

    /// <summary>Presents a certificate that nobody has signed, to one client after another.</summary>
    /// <returns>How many bytes clients sent under TLS.</returns>
    private static async Task<int> PresentCertificateAsync(TcpListener listener, CancellationToken end)
    {
        using var key = RSA.Create(2048);
        using X509Certificate2 signed = new CertificateRequest("CN=another", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1)
            .CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        int received = 0;
        try
        {
            while (true)
            {
                using TcpClient client = await listener.AcceptTcpClientAsync(end);
                received += await ServeAsync(client.GetStream(), signed);
            }
        }
        catch (OperationCanceledException)
        {
            return received;
        }
    }

    private static async Task<int> ServeAsync(NetworkStream stream, X509Certificate2 certificate)
    {
        const int sslRequest = 80877103;
        byte[] request = new byte[8];
        try
        {
            await stream.ReadExactlyAsync(request);
            while (BinaryPrimitives.ReadInt32BigEndian(request.AsSpan(4)) != sslRequest) // for GSS encryption
            {
                await stream.WriteAsync("N"u8.ToArray());
                await stream.ReadExactlyAsync(request);
            }
            await stream.WriteAsync("S"u8.ToArray());
            using var tls = new SslStream(stream);
            await tls.AuthenticateAsServerAsync(certificate);
            return await tls.ReadAsync(new byte[1024]);
        }
        catch (Exception e) when (e is IOException or AuthenticationException)
        {
            return 0; // the client went away
        }
    }
}
