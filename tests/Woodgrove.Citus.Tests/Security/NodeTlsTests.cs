using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Security;

/// <summary>A coordinator on this machine may be reached without TLS; the password must not travel so to any other host.</summary>
public sealed class NodeTlsTests : ClusterTest
{
    private const string Secret = "node-secret";

    public NodeTlsTests(ClusterFixture cluster) : base(cluster) => cluster.RequireSandbox();

    [Theory]
    [InlineData("", false)]
    [InlineData(" -SslMode Disable", true)]
    public async Task A_node_on_another_host_gets_no_password_in_clear_unless_the_user_chose_that(string tls, bool chosen)
    {
        // By its name another host, which leads to this machine all the same.
        string host = LoopbackName();
        string role = Cluster.NewName("loader");
        Cluster.Execute($"CREATE ROLE {role} LOGIN SUPERUSER PASSWORD '{Secret}'");
        string table = Cluster.Distribute("id bigint, note text", "id");
        using var fake = new FakeServer();
        (Shell["csv"], Shell["port"]) = (Cluster.File("tls.csv", "id,note\n1,a\n"), Cluster.Sandbox!.Get("Port"));
        Shell["map"] = new System.Collections.Hashtable();
        foreach (var node in Shell.Get("Get-CitusNode"))
            ((System.Collections.Hashtable)Shell["map"]!)[$"{node.Get("NodeName")}:{node.Get("NodePort")}"] = $"{host}:{fake.Port}";
        try
        {
            Shell.Get($"$secure = [securestring]::new(); foreach ($c in '{Secret}'.ToCharArray()) {{ $secure.AppendChar($c) }}");
            Shell.Get("$tls = Connect-CitusCluster 127.0.0.1 -Port $port -Database citus -Name tls -Credential "
                + $"([pscredential]::new('{role}', $secure)){tls}");

            RunResult run = Shell.Run($"Import-CsvToCitus $csv {table} -Route Shard -NodeAddress $map -Connection $tls");

            await Task.WhenAny(fake.Asked, Task.Delay(TimeSpan.FromSeconds(10), TestContext.Current.CancellationToken));
            Assert.True(fake.Asked.IsCompleted, $"no attack was made: {string.Join(' ', run.Errors)}");
            if (chosen) Assert.Contains(Secret, fake.Received);
            else Assert.DoesNotContain(Secret, fake.Received);
            Assert.Equal(chosen, fake.Startups > 0);
        }
        finally
        {
            Shell.Run("Get-CitusConnection tls | Disconnect-CitusCluster");
            Cluster.Execute($"DROP ROLE {role}");
        }
    }

    /// <summary>A name of the hosts file, or else localhost in letters that the module does not take for loopback.</summary>
    private static string LoopbackName() =>
        (File.Exists("/etc/hosts") ? File.ReadAllLines("/etc/hosts") : []).Where(l => l.StartsWith("127.", StringComparison.Ordinal))
        .SelectMany(l => l.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries).Skip(1)).Append("LOCALHOST")
        .First(n => n != "localhost" && n != Dns.GetHostName() && Dns.GetHostAddresses(n).All(IPAddress.IsLoopback));

    /// <summary>Speaks no TLS, and asks for the password in clear.</summary>
    private sealed class FakeServer : IDisposable
    {
        private const int SslRequest = 80877103, GssRequest = 80877104;
        private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
        private readonly TaskCompletionSource _asked = new();
        private readonly StringBuilder _received = new();

        public FakeServer()
        {
            _listener.Start();
            _ = AcceptAsync();
        }

        public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

        /// <summary>Ends when a client has begun to speak.</summary>
        public Task Asked => _asked.Task;

        /// <summary>Sessions that were begun without TLS.</summary>
        public int Startups { get; private set; }

        public string Received
        {
            get { lock (_received) return _received.ToString(); }
        }

        public void Dispose() => _listener.Dispose();

        private async Task AcceptAsync()
        {
            try
            {
                while (true) _ = ServeAsync(await _listener.AcceptTcpClientAsync());
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                // Closed.
            }
        }

        private async Task ServeAsync(TcpClient client)
        {
            using (client)
            {
                try
                {
                    NetworkStream stream = client.GetStream();
                    while (true)
                    {
                        byte[] head = new byte[8];
                        await stream.ReadExactlyAsync(head);
                        _asked.TrySetResult();
                        int length = BinaryPrimitives.ReadInt32BigEndian(head), code = BinaryPrimitives.ReadInt32BigEndian(head.AsSpan(4));
                        if (code is SslRequest or GssRequest)
                        {
                            await stream.WriteAsync("N"u8.ToArray());
                            continue;
                        }
                        Startups++;
                        await stream.ReadExactlyAsync(new byte[length - 8]);
                        await stream.WriteAsync(new byte[] { (byte)'R', 0, 0, 0, 8, 0, 0, 0, 3 });
                        byte[] answer = new byte[1024];
                        int count = await stream.ReadAsync(answer);
                        lock (_received) _received.Append(Encoding.UTF8.GetString(answer, 0, count));
                        return;
                    }
                }
                catch (IOException)
                {
                    // The client went away.
                }
            }
        }
    }
}
