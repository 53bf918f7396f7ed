using Npgsql;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Errors;

namespace Woodgrove.Citus.Core.Tests.Connections;

/// <summary>Where each setting comes from; every test sees an environment without libpq's variables.</summary>
public sealed class ConnectionRequestTests : IDisposable
{
    private static readonly string[] Variables =
        ["PGHOST", "PGPORT", "PGDATABASE", "PGUSER", "PGSSLMODE", "PGSSLROOTCERT", "PGAPPNAME", "PGSERVICE", "PGSERVICEFILE",
            "PGSYSCONFDIR"];

    private readonly Dictionary<string, string?> _before = Variables.ToDictionary(v => v, Environment.GetEnvironmentVariable);
    private readonly string _serviceFile = Path.GetTempFileName();

    public ConnectionRequestTests()
    {
        foreach (string variable in Variables) Environment.SetEnvironmentVariable(variable, null);
        Environment.SetEnvironmentVariable("PGSERVICEFILE", _serviceFile);
    }

    public void Dispose()
    {
        foreach ((string variable, string? value) in _before) Environment.SetEnvironmentVariable(variable, value);
        File.Delete(_serviceFile);
    }

    [Fact]
    public void A_TLS_mode_that_the_user_chose_is_told_from_one_that_the_host_decides()
    {
        var request = new ConnectionRequest { Server = "127.0.0.1" };
        request.Resolve(out bool byHost);
        Assert.True(byHost);

        (request with { SslMode = SslMode.Prefer }).Resolve(out byHost);
        Assert.False(byHost);
        new ConnectionRequest { ConnectionString = "Host=127.0.0.1;SSL Mode=Prefer" }.Resolve(out byHost);
        Assert.False(byHost);
        Environment.SetEnvironmentVariable("PGSSLMODE", "disable");
        Assert.Equal(SslMode.Disable, request.Resolve(out byHost).SslMode);
        Assert.False(byHost);
    }

    [Fact]
    public void A_Unix_socket_has_no_TCP_keepalive() // to ask for it would be refused
    {
        Assert.False(new ConnectionRequest { Server = "/var/run/postgresql" }.Resolve().TcpKeepAlive);
        Assert.True(new ConnectionRequest { Server = "127.0.0.1" }.Resolve().TcpKeepAlive);
    }

    [Theory]
    [InlineData("bank.postgres.database.azure.com", 7432, null, 7432)]
    [InlineData("bank.postgres.database.azure.com", 5432, null, null)]
    [InlineData("bank.postgres.database.azure.com", 5432, 7432, 7432)]
    [InlineData("bank.example.org", 7432, null, null)]
    public void The_load_balanced_port_is_the_one_given_or_that_of_Elastic_Clusters(string host, int port, int? given, int? expected)
    {
        var request = new ConnectionRequest { Server = host, Port = port, LoadBalancedPort = given };
        Assert.Equal(expected, request.LoadBalancedPortFor(request.Resolve()));
    }

    [Theory]
    [InlineData("localhost", SslMode.Prefer)]
    [InlineData("127.0.0.1", SslMode.Prefer)]
    [InlineData("::1", SslMode.Prefer)]
    [InlineData("/var/run/postgresql", SslMode.Prefer)]
    [InlineData("db.example.org", SslMode.Require)]
    [InlineData("10.0.0.5", SslMode.Require)]
    [InlineData("c-bank.abc.postgres.cosmos.azure.com", SslMode.VerifyFull)]
    [InlineData("bank.postgres.database.azure.com", SslMode.VerifyFull)]
    [InlineData("bank.postgres.database.azure.com.evil.example", SslMode.Require)]
    public void TLS_is_as_strict_as_the_host_allows(string host, SslMode expected)
    {
        Assert.Equal(expected, new ConnectionRequest { Server = host }.Resolve().SslMode);
        Assert.Equal(expected, new ConnectionRequest { ConnectionString = $"Host={host}" }.Resolve().SslMode);
    }

    [Fact]
    public void TLS_that_is_asked_for_wins()
    {
        Assert.Equal(SslMode.Disable,
            new ConnectionRequest { Server = "x.postgres.database.azure.com", SslMode = SslMode.Disable }.Resolve().SslMode);
        Assert.Equal(SslMode.VerifyCA, new ConnectionRequest { ConnectionString = "Host=localhost;SSL Mode=VerifyCA" }.Resolve().SslMode);
        Environment.SetEnvironmentVariable("PGSSLMODE", "verify-full");
        Assert.Equal(SslMode.VerifyFull, new ConnectionRequest { Server = "localhost" }.Resolve().SslMode);
    }

    [Fact]
    public void Nothing_given_means_the_citus_database_on_this_machine()
    {
        NpgsqlConnectionStringBuilder settings = new ConnectionRequest().Resolve();

        Assert.Equal(("localhost", 5432, "citus", 0), (settings.Host, settings.Port, settings.Database, settings.CommandTimeout));
        Assert.Equal("Woodgrove.Citus", settings.ApplicationName);
        Assert.False(settings.PersistSecurityInfo);
    }

    [Fact]
    public void No_limit_of_the_clients_ends_the_wait_for_a_commit()
    {
        NpgsqlConnectionStringBuilder settings = new ConnectionRequest { ConnectionString = "Command Timeout=60" }.Resolve();

        Assert.Equal(0, settings.CommandTimeout);
    }

    [Fact]
    public void The_environment_fills_in_and_the_request_wins()
    {
        Environment.SetEnvironmentVariable("PGHOST", "env.example.org");
        Environment.SetEnvironmentVariable("PGPORT", "6543");
        Environment.SetEnvironmentVariable("PGDATABASE", "envdb");
        Environment.SetEnvironmentVariable("PGUSER", "envuser");

        NpgsqlConnectionStringBuilder all = new ConnectionRequest().Resolve();
        NpgsqlConnectionStringBuilder some = new ConnectionRequest { Server = "given", Port = 1, UserName = "me" }.Resolve();

        Assert.Equal(("env.example.org", 6543, "envdb", "envuser"), (all.Host, all.Port, all.Database, all.Username));
        Assert.Equal(("given", 1, "envdb", "me"), (some.Host, some.Port, some.Database, some.Username));
    }

    [Fact]
    public void A_service_comes_before_the_environment_and_after_the_request()
    {
        File.WriteAllText(_serviceFile, """
            # the bank's clusters
            [other]
            host=wrong
            [bank]
            host = bank.example.org
            port=7432
            user=lead
            password=p=w
            sslmode=verify-ca
            [last]
            host=wrong
            """);
        Environment.SetEnvironmentVariable("PGHOST", "env.example.org");
        Environment.SetEnvironmentVariable("PGSERVICE", "bank");

        NpgsqlConnectionStringBuilder settings = new ConnectionRequest { UserName = "me" }.Resolve();

        Assert.Equal(("bank.example.org", 7432, "me", "p=w", SslMode.VerifyCA),
            (settings.Host, settings.Port, settings.Username, settings.Password, settings.SslMode));
        Assert.Equal("wrong", new ConnectionRequest { Service = "other" }.Resolve().Host);
    }

    [Fact]
    public void A_service_that_is_not_there_is_an_error_that_names_the_files()
    {
        CitusException e = Assert.Throws<CitusException>(() => new ConnectionRequest { Service = "nowhere" }.Resolve());

        Assert.Equal("CitusServiceNotFound", e.ErrorId);
        Assert.Contains(_serviceFile, e.Message, StringComparison.Ordinal);
    }
}
