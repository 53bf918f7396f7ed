using System.Management.Automation;
using Woodgrove.Citus.Tests.Hosting;

namespace Woodgrove.Citus.Tests.Connections;

/// <summary>Connect-CitusCluster, Disconnect-CitusCluster, Get-CitusConnection, and that no secret leaves them.</summary>
public sealed class ConnectionTests : ClusterTest, IDisposable
{
    private const string Secret = "s3cr3t'\";pw";
    private readonly string _user;

    public ConnectionTests(ClusterFixture cluster) : base(cluster)
    {
        cluster.RequireSandbox();
        _user = cluster.NewName("lead");
        cluster.Execute($"CREATE ROLE {_user} LOGIN PASSWORD '{Secret.Replace("'", "''")}'");
        Shell["user"] = _user;
        Shell["port"] = cluster.Sandbox!.Get("Port");
        Shell["secret"] = Secret;
        Shell.Get("$secure = [securestring]::new(); foreach ($c in $secret.ToCharArray()) { $secure.AppendChar($c) }; "
            + "$credential = [pscredential]::new($user, $secure)");
    }

    public void Dispose()
    {
        Shell.Run("Get-CitusConnection 'test*' | Disconnect-CitusCluster");
        Cluster.Execute($"DROP ROLE {_user}");
    }

    [Theory]
    [InlineData("Get-CitusNode")]
    [InlineData("Invoke-CitusQuery 'SELECT 1'")]
    public void Sessions_that_a_restarted_server_has_ended_are_replaced(string command)
    {
        Shell["text"] = $"{Cluster.ConnectionString};Application Name=test_ended";
        Shell.Get("$null = Connect-CitusCluster -ConnectionString $text -Name test-ended");
        // Each query streams while the next one runs, so each has a session of its own, which the pool then keeps.
        const string query = "Invoke-CitusQuery 'SELECT generate_series(1, 20000)' -Connection test-ended";
        const string first = "ForEach-Object { if ($_.generate_series -eq 1)";
        Shell.Get($"$null = {query} | {first} {{ {query} | {first} {{ {query} }} }} }} }}");
        Assert.InRange((long)Cluster.Scalar(
            "SELECT count(pg_terminate_backend(pid, 10000)) FROM pg_stat_activity WHERE application_name = 'test_ended'")!, 2, 9);

        Assert.NotEmpty(Shell.Run($"{command} -Connection test-ended").Succeeded().Output);
    }

    [Fact]
    public void A_token_that_was_rotated_is_fetched_again_for_the_next_session()
    {
        Cluster.RequireSandbox();
        string role = Cluster.NewName("rotating");
        Cluster.Execute($"CREATE ROLE {role} LOGIN PASSWORD 'first'");
        string file = Cluster.File("token", "first");
        Shell["port"] = Cluster.Sandbox!.Get("Port");
        Shell["user"] = role;
        Shell["file"] = file;
        try
        {
            Shell.Get("$rotating = Connect-CitusCluster 127.0.0.1 -Port $port -UserName $user -AccessToken { "
                + "[System.IO.File]::ReadAllText($using:file) } -Name rotating");
            Assert.Equal(role, Shell.Run(
                "Invoke-CitusQuery 'SELECT current_user::text' -As Scalar -Connection $rotating").Single.BaseObject);

            Cluster.Execute($"ALTER ROLE {role} PASSWORD 'second'");
            File.WriteAllText(file, "second");
            Cluster.Execute($"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{role}'");
            Shell.Run("Invoke-CitusQuery 'SELECT 1' -Connection $rotating");

            Assert.Equal(role, Shell.Run(
                "Invoke-CitusQuery 'SELECT current_user::text' -As Scalar -Connection $rotating").Single.BaseObject);
            Assert.Contains("gave no token: no luck",
                Shell.Run("Connect-CitusCluster 127.0.0.1 -Port $port -UserName $user -AccessToken { throw 'no luck' }")
                    .Failed("CitusTokenFailed").Exception.Message);
        }
        finally
        {
            Shell.Run("Disconnect-CitusCluster $rotating");
            Cluster.Execute($"DROP ROLE {role}");
        }
    }

    [Fact]
    public void A_connection_says_what_it_leads_to()
    {
        PSObject connection = Shell.Run("Connect-CitusCluster 127.0.0.1 -Port $port -Credential $credential -Name test").Single;

        Assert.Equal(["Name", "Server", "Port", "Database", "UserName", "ServerVersion", "CitusVersion", "Engine", "SslMode"],
            connection.Properties.Select(p => p.Name)
                .Intersect(["Name", "Server", "Port", "Database", "UserName", "ServerVersion", "CitusVersion", "Engine", "SslMode"]));
        Assert.Equal(("test", "127.0.0.1", "citus", _user),
            (connection.Get("Name"), connection.Get("Server"), connection.Get("Database"), connection.Get("UserName")));
        Assert.Equal(Cluster.Connection.Get("Engine"), connection.Get("Engine"));
        Assert.NotNull(connection.Get("CitusVersion"));
        Assert.InRange(((Version)connection.Get("ServerVersion")!).Major, 14, 30);
        Assert.Equal("Prefer", connection.Get("SslMode"));
    }

    [Fact]
    public void A_token_in_place_of_a_password_and_a_connection_string_connect_too()
    {
        Shell.Get("Connect-CitusCluster 127.0.0.1 -Port $port -UserName $user -AccessToken $secure -Name test1");
        Shell.Get("Connect-CitusCluster -Name test2 -ConnectionString "
            + "\"Host=127.0.0.1;Port=$port;Database=citus;Username=$user;Password='$($secret.Replace(\"'\", \"''\"))'\"");

        Assert.Equal(2, Shell.Get("Get-CitusConnection test*").Count);
    }

    [Fact]
    public void The_latest_is_the_default_until_it_is_closed_and_others_go_by_name_or_object()
    {
        Shell.Get("$test = Connect-CitusCluster 127.0.0.1 -Port $port -Credential $credential -Name test");

        Assert.Equal(_user, CurrentUser(""));
        Assert.Equal("postgres", CurrentUser($"-Connection {Cluster.Connection.Get("Name")}"));
        Assert.Equal(_user, CurrentUser("-Connection $test"));
        Shell.Get("Disconnect-CitusCluster test");
        Assert.Equal("postgres", CurrentUser(""));
        Shell.Run("Invoke-CitusQuery 'SELECT 1' -Connection test").Failed("ParameterArgumentTransformationError");
        Shell.Run("Invoke-CitusQuery 'SELECT 1' -Connection $test").Failed("CitusDisconnected");
    }

    [Fact]
    public void Connecting_again_under_a_name_replaces_the_connection()
    {
        Shell.Get("1..3 | ForEach-Object { Connect-CitusCluster 127.0.0.1 -Port $port -Credential $credential -Name test }");

        Assert.Single(Shell.Get("Get-CitusConnection test"));
        Assert.Equal(_user, CurrentUser("-Connection test"));
    }

    [Fact]
    public void A_wrong_password_is_an_authentication_error()
    {
        ErrorRecord error = Shell.Run(
            "Connect-CitusCluster 127.0.0.1 -Port $port -UserName $user -AccessToken ($s = [securestring]::new(); $s.AppendChar('x'); $s)".Replace("($s =", "$($s =")).Failed("CitusAuthenticationFailed");

        Assert.Equal((ErrorCategory.AuthenticationError, "28P01"), (error.CategoryInfo.Category, error.Exception.Get("SqlState")));
    }

    [Theory]
    [InlineData("Disable")]
    [InlineData("Prefer")]
    public void A_missing_password_is_told_as_that(string mode)
    {
        Shell["none"] = Cluster.File("pgpass", "");
        ErrorRecord error = Shell.Run("Connect-CitusCluster -ConnectionString "
            + $"\"Host=127.0.0.1;Port=$port;Username=$user;Passfile=$none;SSL Mode={mode}\"").Failed("CitusConnectionFailed");
        Assert.Contains("-Credential", error.ErrorDetails.RecommendedAction, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("postgresql://lead@127.0.0.1/citus")]
    [InlineData("Hosst=127.0.0.1")]
    public void A_connection_string_of_another_kind_is_told_the_form(string text) =>
        Assert.Contains("Host=",
            Shell.Run($"Connect-CitusCluster -ConnectionString '{text}'").Failed("CitusInvalidArgument").ErrorDetails.RecommendedAction,
            StringComparison.Ordinal);

    [Fact]
    public void No_server_no_database_and_no_TLS_are_told_apart()
    {
        ErrorRecord nobody = Shell.Run("Connect-CitusCluster 127.0.0.1 -Port 9 -Credential $credential").Failed("CitusConnectionFailed");
        Shell.Run("Connect-CitusCluster 127.0.0.1 -Port $port -Credential $credential -Database nowhere").Failed("CitusDatabaseNotFound");
        ErrorRecord plain = Shell.Run("Connect-CitusCluster 127.0.0.1 -Port $port -Credential $credential -SslMode Require")
            .Failed("CitusConnectionFailed");

        Assert.Contains("127.0.0.1:9/citus", nobody.Exception.Message, StringComparison.Ordinal);
        Assert.Contains("-SslMode Disable", plain.ErrorDetails.RecommendedAction, StringComparison.Ordinal);
    }

    [Fact]
    public void A_database_without_Citus_is_connected_to_and_says_so_when_Citus_is_needed()
    {
        Shell.Get("Connect-CitusCluster 127.0.0.1 -Port $port -Credential $credential -Database postgres -Name test");

        Assert.Equal("PostgreSQL", Shell.Run("Get-CitusConnection test").Single.Get("Engine"));
        Shell.Run("Get-CitusNode").Failed("CitusExtensionMissing");
        Shell.Run("New-DistributedTable t id -Definition 'id bigint'").Failed("CitusExtensionMissing");
        Assert.Equal(1, Shell.Run("Invoke-CitusQuery 'SELECT 1' -As Scalar").Single.BaseObject);
    }

    [Fact]
    public void No_secret_is_shown_anywhere()
    {
        var seen = new List<RunResult>
        {
            Shell.Run("Connect-CitusCluster 127.0.0.1 -Port $port -Credential $credential -Name test -Verbose | Out-Default"),
            Shell.Run("Get-CitusConnection test | Format-List * -Force | Out-Default".Replace(" | Format-List * -Force", "")),
            Shell.Run("(Get-CitusConnection test).ToString(); (Get-CitusConnection test).psobject.Properties.Value; "
                + "[System.Management.Automation.PSSerializer]::Serialize((Get-CitusConnection test), 5)"),
            Shell.Run("Import-CsvToCitus nowhere.csv t -Verbose"),
            Shell.Run("Invoke-CitusQuery 'SELECT nothing' -Verbose"),
            Shell.Run("Connect-CitusCluster 127.0.0.1 -Port 9 -Credential $credential -Verbose"),
            Shell.Run("Connect-CitusCluster 127.0.0.1 -Port $port -Credential $credential -Database nowhere -Verbose"),
            Shell.Run("Connect-CitusCluster -ConnectionString \"Host=127.0.0.1;Port=$port;Bogus=1;Password='$secret'\""),
            Shell.Run("Connect-CitusCluster -ConnectionString \"Host=127.0.0.1;Port=x$port;Password=`\"$secret`\"\""),
        };

        IEnumerable<string> texts = seen.SelectMany(r => r.Output.Select(o => o?.ToString() ?? "").Append(r.Screen).Concat(r.Verbose)
            .Concat(r.Warnings)
            .Concat(r.Errors.SelectMany(e => new[] { e.ToString(), e.Exception.ToString(), e.ErrorDetails?.ToString() ?? "",
                e.TargetObject?.ToString() ?? "" })));
        Assert.All(texts, t => Assert.DoesNotContain("s3cr3t", t, StringComparison.Ordinal));
        Assert.All(seen.Skip(3), r => Assert.NotEmpty(r.Errors));
    }

    [Fact]
    public async Task The_environment_the_password_file_and_the_service_file_are_honoured()
    {
        string port = Cluster.Sandbox!.Get("Port")!.ToString()!;
        string passwords = Cluster.File("pgpass", $"127.0.0.1:{port}:citus:{_user}:{Secret.Replace(":", "\\:")}\n");
        if (!OperatingSystem.IsWindows()) File.SetUnixFileMode(passwords, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        string services = Cluster.File("services", $"[bank]\nhost=127.0.0.1\nport={port}\nuser={_user}\n");

        (_, string byVariables, string e1) = await Repository.RunScriptAsync("$c = Connect-CitusCluster; \"$($c.UserName) $($c.Port)\"",
            ("PGHOST", "127.0.0.1"), ("PGPORT", port), ("PGUSER", _user), ("PGDATABASE", "citus"), ("PGPASSFILE", passwords));
        (_, string byService, string e2) = await Repository.RunScriptAsync("$c = Connect-CitusCluster -Service bank; "
            + "\"$($c.UserName) $($c.Port)\"",
            ("PGSERVICEFILE", services), ("PGPASSWORD", Secret));

        Assert.Equal(($"{_user} {port}", ""), (byVariables, e1));
        Assert.Equal(($"{_user} {port}", ""), (byService, e2));
    }

    private string CurrentUser(string options) =>
        (string)Shell.Run($"Invoke-CitusQuery 'SELECT current_user::text' -As Scalar {options}").Single.BaseObject;
}
